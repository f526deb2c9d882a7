# Ce que disent les pages du hub, en français. Une ligne par message, les mêmes clés que dans en.ftl.
# Les espaces devant les signes doubles et dans les guillemets sont insécables.

# Toutes les pages
frame-product = Préau, hub de la commune
frame-footer = Ce que les élèves consultent n’arrive jamais ici : les journaux des écoles sont chiffrés, et le hub ne peut pas les lire.
frame-certificate = Le certificat du hub
nav-label = Pages du hub
nav-schools = Écoles
nav-rules = Règles
nav-wishes = Demandes
nav-content = Contenus
nav-lists = Listes
nav-alerts = Alertes
nav-acts = Registre
nav-secret = Mot de passe
nav-sign-out = Se déconnecter
duty-technician = écoles et boîtiers
duty-policy = règles de la commune
duty-reader = consultation

# Connexion
signin-title = Connexion
signin-name = Nom
signin-secret = Mot de passe
signin-code = Code du téléphone
signin-rule = Les six chiffres que montre votre application, ou l’un de vos codes de secours. La première fois, laissez vide.
signin-go = Se connecter
signin-forgotten = Mot de passe oublié, téléphone perdu sans code de secours ? Demandez une nouvelle carte à qui administre le hub.

# Mot de passe
secret-title = Votre mot de passe
secret-first = Choisissez un mot de passe à vous : celui de la carte ne sert qu’une fois.
secret-old = Mot de passe actuel
secret-new = Nouveau mot de passe
secret-rule = Douze caractères au moins. Une phrase de quelques mots convient très bien.
secret-again = Le même, encore une fois
secret-go = Changer de mot de passe

# Téléphone
phone-title = Votre téléphone
phone-lead = Avec un mot de passe volé, personne ne doit entrer ici. Une application de codes (FreeOTP, Aegis, celle de votre navigateur…) montre toutes les trente secondes six chiffres que vous taperez à chaque connexion.
phone-scan = 1. Lisez cette image avec l’application
phone-picture = Image à lire avec votre application de codes ; la clé en lettres est juste au-dessous
phone-type = Sans appareil photo
phone-key = Tapez cette clé dans l’application :
phone-prove = 2. Tapez le code qu’elle montre
phone-code = Six chiffres
phone-go = Enregistrer ce téléphone
paper-title = Vos codes de secours
paper-lead = Pour le jour où le téléphone est perdu : chacun de ces codes remplace une fois les six chiffres. Imprimez cette page, et rangez-la loin du téléphone.
paper-once = Cette page ne s’affiche qu’une fois.
paper-go = C’est fait, continuer

# Écoles
fleet-title = Les écoles de la commune
fleet-empty = Aucune école n’est inscrite.
fleet-red = à traiter
fleet-amber = à regarder
fleet-green = en ordre
fleet-idle = sans boîtier
level-red = Rouge
level-amber = Orange
level-green = Vert
level-idle = Pas encore équipée
fleet-school = École
fleet-state = État
fleet-since = Depuis
fleet-what = Ce qu’il y a, et quoi faire
fleet-seen = Dernière nuit reçue
fleet-more = La suite
fleet-well = Tout va bien.
fleet-add = Inscrire une école
fleet-uai = Identifiant national (UAI)
fleet-uai-rule = Sept chiffres et une lettre, comme 0750655E.
fleet-name = Nom de l’école
fleet-rooms = Salles, séparées par des virgules
fleet-add-go = Inscrire l’école

# Ce qu'il y a à dire d'une école
finding-no-box = Aucun boîtier n’est inscrit.
remedy-no-box = Faites un code sur la page de l’école, et lisez-le à qui branche le boîtier.
finding-revoked = Son boîtier est révoqué depuis le { $when }.
remedy-revoked = Branchez un boîtier de remplacement et faites un code : sans boîtier, l’école n’a pas d’Internet filtré.
finding-never-came = Inscrit le { $when }, le boîtier n’est pas encore venu de nuit.
remedy-never-came = Attendez la première nuit, ou lancez « preau sync now » sur le boîtier.
finding-absent = Nuits sans nouvelles du boîtier : { $number } (dernière venue le { $when }).
remedy-absent = Appelez l’école : le boîtier est-il allumé, la ligne marche-t-elle ? Puis « preau sync status » sur le boîtier.
finding-unreadable = Ce que dit le boîtier n’est pas compris.
remedy-unreadable = Mettez le hub et le boîtier à la même version.
finding-disk = Place libre sur le disque : { $number } %.
remedy-disk = Regardez ce qui remplit le disque (« preau status ») ; un disque plein arrête les journaux, puis le web.
finding-memory = Mémoire libre : { $number } %.
remedy-memory = Redémarrez le boîtier un soir ; si cela revient, envoyez le fichier d’assistance.
finding-no-list = Le boîtier n’a pas de listes de filtrage.
remedy-no-list = Lancez « preau blocklist update » sur le boîtier, et vérifiez l’adresse des listes.
finding-list = Âge des listes de filtrage, en jours : { $number }.
remedy-list = Vérifiez le miroir des listes, puis « preau blocklist update » sur le boîtier.
finding-certificate = Jours jusqu’à la fin du certificat du boîtier : { $number }.
remedy-certificate = Il se renouvelle de nuit : lancez « preau sync now » et lisez ce qui est dit. Après la fin, il faut un nouveau code.
finding-unsigned = Entrées du journal des scellés que le hub n’a pas signées : { $number }.
remedy-unsigned = Si cela dure, le journal n’est plus celui d’avant : « preau sync status », puis « preau journal verify » sur le boîtier.
finding-sealed = Jours sans journal scellé : { $number }.
remedy-sealed = Regardez la page technique du boîtier : heure inconnue, disque plein, ou scellés arrêtés.
finding-plain = Fichiers scellés gardés sur le boîtier, faute de lecteurs : { $number }.
remedy-plain = Configurez les clés de lecture de l’école : sans elles, rien ne peut être mis à l’abri ici.
finding-web = Jours jusqu’à la fin du certificat de ses noms : { $number }.
remedy-web = Signez la demande de son boîtier (« preau hub certificate request », puis « put ») : après la fin, les navigateurs qui ne connaissent pas le boîtier avertissent.
finding-no-clock = Le boîtier ne connaît pas l’heure.
remedy-no-clock = Vérifiez que le boîtier joint un serveur de temps (NTP).
finding-clock = L’horloge du boîtier est décalée, en secondes : { $number }.
remedy-clock = Vérifiez le serveur de temps ; la pile de la carte mère peut être morte.
finding-warm = Température du processeur : { $number } °C.
remedy-warm = Dégagez le boîtier, nettoyez ses ouvertures, éloignez-le du chauffage.
finding-policy = Le boîtier applique encore la version { $number } des règles de la commune.
remedy-policy = « preau sync now » sur le boîtier, et lisez ce qui est dit.

# Une école
school-since = depuis le
school-machine = Le boîtier
school-none = Pas de boîtier en service.
school-box = Boîtier
school-enrolled = Inscrit
school-seen = Dernière nuit reçue
school-version = Version
school-room = { $free } libres sur { $all }
school-disk = Disque
school-memory = Mémoire
school-temperature = Température
school-up = Allumé depuis
school-days = { $days } j
school-list = Listes en vigueur depuis
school-sealed = Dernier scellé
school-log = Entrées signées par le hub / du journal
school-certificate = Certificat valable jusqu’au
school-policy = Règles de la commune, version
school-archive = Ce que le hub garde de son journal
school-revoke = Révoquer ce boîtier…
school-revoke-what = Volé ou perdu : le hub le refuse dès sa prochaine demande. L’école aura besoin d’un autre boîtier ; celui-ci ne revient qu’avec un nouveau code.
school-revoke-go = Révoquer maintenant
school-past = Boîtiers d’avant
school-revoked = révoqué le
school-codes = Code d’inscription
school-codes-none = Aucun code en attente.
school-code-until = valable jusqu’au
school-code-cancel = Annuler
school-replace = L’école a un boîtier : le code sera celui d’un remplaçant.
school-replace-yes = Le nouveau boîtier prend la place de l’ancien, qui est révoqué
school-hours = Valable, en heures
school-code-go = Faire un code

# Le code
code-title = Code d’inscription
code-until = Bon une seule fois, jusqu’au
code-tries = Trois essais faux le brûlent.
code-replacement = Le boîtier qui s’inscrit avec ce code prend la place de l’ancien, qui est révoqué aussitôt.
code-command = Sur le boîtier :
code-once = Ce code ne s’affiche qu’une fois. Perdu, il se remplace : faites-en un autre.
code-back = Retour à l’école

# Les courbes
plot-title = Les derniers mois
plot-disk = Disque libre, en %
plot-list = Âge des listes, en jours
plot-temperature = Température, en °C
plot-log = Entrées du journal des scellés
plot-description = Au plus bas { $least }, au plus haut { $most }, en dernier { $last }.
plot-table = Les valeurs du dernier mois
plot-day = Jour

# Ce qui est gardé
archive-title = Ce que le hub garde du journal
archive-lead = Le hub prouve que les journaux existent et n’ont fait que grandir ; il ne peut pas les lire : les fichiers sont chiffrés pour les lecteurs de l’école.
archive-keys = Vérifier sans le hub
archive-log-key = Clé du journal du boîtier :
archive-witness = Clé du hub, témoin :
archive-verify = Avec un point de contrôle téléchargé ici, sur les données du boîtier :
archive-signed = Points de contrôle signés
archive-signed-none = Aucun encore.
archive-entries = entrées
archive-take = Télécharger
archive-files = Fichiers chiffrés
archive-files-none = Aucun fichier encore.
archive-name = Fichier
archive-bytes = Taille
archive-until = Effacé le

# Les règles
rules-title = Les règles de la commune
rules-lead = Ce que la commune ouvre ou ferme dans toutes ses écoles. Les boîtiers le prennent en quelques secondes ; personne dans l’école ne peut le défaire.
rules-in-force = En vigueur
rules-number = version
rules-none = La commune n’a pas de règle.
rules-site = Site
rules-site-rule = Un nom comme exemple.fr ; tous les noms dessous en font partie.
rules-verdict = Décision
rules-reason = Motif
rules-until = Jusqu’au
rules-for-good = sans fin
rules-permit = Ouvrir
rules-refuse = Fermer
rules-remove = Retirer
rules-add = Ajouter une règle
rules-days = Pour combien de jours (vide : sans fin)
rules-look = Voir avant d’appliquer
rules-confirm = Appliquer cette règle ?
rules-confirm-go = Appliquer
rules-confirm-no = Renoncer
rules-reach = Écoles qui la prendront la nuit prochaine : { $number }.
rules-replaces = Remplace la règle de la commune sur { $site } ({ $verdict }).
rules-under = Une règle plus large existe : { $site } ({ $verdict }). Pour ce nom, la plus précise compte.
rules-above = Une règle plus précise existe et reste : { $site } ({ $verdict }).
rules-lifts = La règle contraire de { $school } sur { $site } ({ $verdict }) sera retirée.
rules-stays = Attention : { $school } garde sa règle sur { $site } ({ $verdict }), qui compte pour ce nom.
rules-unseen = Combien d’élèves vont sur ce site, le hub ne le sait pas : les journaux sont chiffrés.
rules-where = Appliquées où
rules-nowhere = Aucun boîtier en service.
rules-applied = appliquée
rules-behind = pas encore
rules-silent = inconnu

# Les alertes
alerts-title = Alertes
alerts-lead = Une école qui devient rouge, ou qui ne l’est plus, est annoncée une fois.
alerts-no-channel = Personne n’est prévenu : ni courriel ni webhook dans la configuration du hub (hub.toml).
alerts-channels = Envoyées par :
alerts-mail = courriel
alerts-webhook = webhook
alerts-none = Aucune alerte.
alerts-subject = Objet
alerts-state = État
alerts-channel = Par
alerts-when = Le
alerts-sent = envoyée
alerts-waiting = en attente (essais : { $number })
alerts-given-up = abandonnée (essais : { $number })
letter-red = [Préau] { $school } : rouge
letter-over = [Préau] { $school } : n’est plus rouge
letter-wish = [Préau] { $school } : demande urgente pour { $site }
letter-lists-held-subject = [Préau] listes de filtrage : la nouvelle est retenue
letter-lists-held = La nouvelle liste a trop perdu : elle n’est pas servie aux boîtiers, qui gardent celle d’avant. Regardez-la, puis « preau hub lists accept ».
letter-lists-failed-subject = [Préau] listes de filtrage : plus rien n’arrive
letter-lists-failed = Les boîtiers ne reçoivent plus de nouvelle liste du hub : le miroir ne répond pas depuis deux jours, ou ce qui est venu ne peut pas être publié.
letter-lists-well-subject = [Préau] listes de filtrage : tout va bien de nouveau
letter-lists-well = Les listes de filtrage sont de nouveau à jour.
letter-end = Le hub de la commune. Ce message n’est envoyé qu’une fois par changement.
letter-test = [Préau] essai des alertes
letter-test-body = Si vous lisez ceci, les alertes du hub vous parviennent.

# Le registre des actes
acts-title = Registre des actes
acts-lead = Ce que chacun a fait ici. Rien n’en est jamais changé ni effacé.
acts-what = Acte
acts-about = Sur quoi
acts-who = Par qui
acts-when = Le
acts-older = Plus anciens
deed-sign-in = connexion
deed-sign-in-by-paper = connexion avec un code de secours
deed-sign-in-failed = connexion refusée
deed-sign-out = déconnexion
deed-secret-changed = mot de passe changé
deed-telephone-added = téléphone enregistré
deed-school-added = école inscrite
deed-code-made = code fait
deed-code-made-replacement = code de remplacement fait
deed-code-cancelled = code annulé
deed-box-revoked = boîtier révoqué
deed-rule-added = règle ajoutée
deed-rule-removed = règle retirée
deed-request-answered = demande traitée
deed-content-added = contenu ajouté
deed-content-removed = contenu retiré
deed-notice-added = annonce faite
deed-notice-removed = annonce retirée
deed-list-accepted = liste retenue acceptée
deed-name-added = nom donné à une école
deed-name-removed = nom repris
deed-certificate-put = certificat déposé
deed-person-added = personne ajoutée
deed-person-reset = nouvelle carte faite
deed-person-disabled = personne désactivée

# Ce qui n'a pas été fait
trouble-title = Cela n’a pas été fait
trouble-back = Retour
trouble-wrong = Nom, mot de passe ou code faux.
trouble-wait = Trop d’essais : réessayez dans { $seconds } secondes.
trouble-wait-minutes = Trop d’essais : réessayez dans { $minutes } minutes.
trouble-busy = Beaucoup de connexions en même temps : réessayez dans un instant.
trouble-field = Un champ manque ou ne peut pas être lu, ou la page était ouverte depuis trop longtemps : recommencez.
trouble-denied = Votre compte n’en a pas le droit.
trouble-unknown = Il n’y a rien à cette adresse.
trouble-short = Ce mot de passe est trop court : douze caractères au moins.
trouble-long = Ce mot de passe est trop long.
trouble-simple = Ce mot de passe est celui que n’importe qui essaierait d’abord.
trouble-same = Les deux saisies diffèrent, ou le mot de passe est celui d’avant.
trouble-code = Ce code n’est pas celui de maintenant : vérifiez l’heure du téléphone, et tapez le suivant.
trouble-has-box = L’école a un boîtier : faites un code de remplacement.
trouble-rule = Cette règle n’est pas possible : un site a un nom comme exemple.fr, un motif de 200 lettres au plus, et de 1 à 3650 jours.
trouble-contrary = Une règle de toutes les écoles dit le contraire pour ce site : retirez-la d’abord, ou répondez pour toutes les écoles.
trouble-too-many = Il y en a déjà trop.
trouble-race = Quelqu’un d’autre a été plus rapide : regardez ce qui est là, et recommencez.
trouble-unavailable = Le hub ne peut pas lire ou écrire son registre : son disque est peut-être plein.

# Ce que demandent les écoles
wishes-title = Demandes des écoles
wishes-lead = Ce qu’une école ne peut pas décider seule. La réponse arrive à l’école en quelques secondes ou la nuit suivante, et qui a demandé la lit.
wishes-none = Aucune demande n’attend.
wishes-urgent = urgent
wishes-open = Ouvrir
wishes-close = Fermer
wishes-reason = Motif, que l’école lira
wishes-for-school = pour cette école
wishes-for-all = pour toutes les écoles
wishes-decline = Refuser la demande
wishes-lifts = Pour toutes les écoles : la règle contraire de { $school } sera retirée.
wishes-rules = Règles d’une seule école
wishes-no-rules = Aucune école n’a de règle à elle.
wishes-past = Demandes traitées
wishes-answer = Réponse
wishes-all = { $what } : toutes les écoles
wishes-school = { $what } : cette école
wishes-no = { $what } : refusé

# Ce que les écoles doivent avoir sous la main
content-title = Contenus et annonces
content-lead = Ce que les boîtiers vont chercher la nuit dans l’ENT et gardent jusqu’au jour dit : en classe, tout s’ouvre aussitôt, même quand la ligne est coupée.
content-places = Contenus à préparer
content-none = Rien n’est à préparer.
content-name = Nom que les élèves verront
content-until = Jusqu’au, compris
content-all = toutes les écoles
content-add = Ajouter un contenu
content-url = Adresse dans l’ENT
content-go = Ajouter
content-where = Où cela en est
content-here = { $here } sur { $all }
content-notices = Annonces aux écoles
content-no-notices = Aucune annonce.
content-notice = Annonce que les écoles liront : nouvelle version, coupure, horaire…
content-notice-go = Annoncer

# Les listes
lists-title = Les listes de filtrage
lists-lead = Le hub va chercher les listes une fois pour toutes les écoles, les vérifie, et ne sert aux boîtiers que ce qui a changé.
lists-none = Ce hub ne sert pas de listes : hub.toml ne nomme aucun miroir, ou rien n’est encore venu.
lists-held = La nouvelle liste est retenue
lists-loss = { $category } : { $before } lignes, puis { $after }
lists-accept = Elle a trop perdu. Si c’est voulu :
lists-failed = Le dernier essai a échoué :
lists-served = Ce que le hub sert
lists-mirror = Miroir
lists-tried = Dernier essai
lists-checked = Comparée au miroir
lists-published = Publiée
lists-bytes = Liste entière
lists-size = { $number } ko
lists-schools = Liste en vigueur dans chaque école depuis

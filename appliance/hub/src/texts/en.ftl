# What the hub’s pages say, in English. One line for each message, the keys of fr.ftl.

# All pages
frame-product = Préau, the commune’s hub
frame-footer = What pupils read never comes here: the schools’ logs are encrypted, and the hub cannot read them.
frame-certificate = The hub’s certificate
nav-label = Pages of the hub
nav-schools = Schools
nav-rules = Rules
nav-wishes = Requests
nav-content = Contents
nav-lists = Lists
nav-alerts = Alerts
nav-acts = Register
nav-secret = Password
nav-sign-out = Sign out
duty-technician = schools and boxes
duty-policy = the commune’s rules
duty-reader = looking only

# Sign-in
signin-title = Sign in
signin-name = Name
signin-secret = Password
signin-code = Code of your telephone
signin-rule = The six digits that your application shows, or one of your recovery codes. Leave it empty the first time.
signin-go = Sign in
signin-forgotten = Forgotten your password, or lost your telephone without a recovery code? Ask whoever runs the hub for a new card.

# Password
secret-title = Your password
secret-first = Choose a password of your own: that of the card is for once.
secret-old = Present password
secret-new = New password
secret-rule = Twelve characters at least. A phrase of some words does very well.
secret-again = The same once more
secret-go = Change the password

# Telephone
phone-title = Your telephone
phone-lead = Nobody shall come in with a stolen password. An application for codes (FreeOTP, Aegis, that of your browser…) shows six digits every thirty seconds; you will type them each time you sign in.
phone-scan = 1. Read this picture with the application
phone-picture = Picture for your application of codes; the key in letters is just below
phone-type = Without a camera
phone-key = Type this key into the application:
phone-prove = 2. Type the code that it shows
phone-code = Six digits
phone-go = Keep this telephone
paper-title = Your recovery codes
paper-lead = For the day when the telephone is lost: each of these codes stands once for the six digits. Print this page, and keep it far from the telephone.
paper-once = This page is shown once.
paper-go = Done, go on

# Schools
fleet-title = The commune’s schools
fleet-empty = No school is registered.
fleet-red = to see to now
fleet-amber = to look at
fleet-green = in order
fleet-idle = without a box
level-red = Red
level-amber = Amber
level-green = Green
level-idle = Not equipped yet
fleet-school = School
fleet-state = State
fleet-since = Since
fleet-what = What there is, and what to do
fleet-seen = Last night received
fleet-more = More
fleet-well = All is well.
fleet-add = Register a school
fleet-uai = National identifier (UAI)
fleet-uai-rule = Seven digits and a letter, as in 0750655E.
fleet-name = The school’s name
fleet-rooms = Rooms, with commas between them
fleet-add-go = Register the school

# What there is to say of a school
finding-no-box = No box has enrolled.
remedy-no-box = Make a code on the school’s page, and read it to whoever plugs the box in.
finding-revoked = Its box was revoked on { $when }.
remedy-revoked = Plug in a replacement box and make a code: without a box, the school has no filtered Internet.
finding-never-came = The box enrolled on { $when }, and has not come at night yet.
remedy-never-came = Wait for the first night, or run "preau sync now" on the box.
finding-absent = Nights without news of the box: { $number } (it came last on { $when }).
remedy-absent = Call the school: is the box on, is the line up? Then "preau sync status" on the box.
finding-unreadable = What the box says is not understood.
remedy-unreadable = Bring hub and box to the same version.
finding-disk = Free room on the disk: { $number }%.
remedy-disk = See what fills the disk ("preau status"); a full disk stops the logs, then the web.
finding-memory = Free memory: { $number }%.
remedy-memory = Restart the box one evening; if it comes back, send the support file.
finding-no-list = The box has no filter lists.
remedy-no-list = Run "preau blocklist update" on the box, and check the address of the lists.
finding-list = Age of the filter lists, in days: { $number }.
remedy-list = Check the lists’ mirror, then "preau blocklist update" on the box.
finding-certificate = Days until the end of the box’s certificate: { $number }.
remedy-certificate = It is renewed at night: run "preau sync now" and read what is said. After its end, a new code is needed.
finding-unsigned = Entries of the log of seals that the hub has not signed: { $number }.
remedy-unsigned = If it lasts, the log is not what it was: "preau sync status", then "preau journal verify" on the box.
finding-sealed = Days without a sealed log: { $number }.
remedy-sealed = Look at the box’s technical page: unknown time, full disk, or sealing stopped.
finding-plain = Sealed files that stay on the box, for want of readers: { $number }.
remedy-plain = Configure the school’s reader keys: without them, nothing can be kept safe here.
finding-web = Days until the end of the certificate of its names: { $number }.
remedy-web = Have the request of its box signed (“preau hub certificate request”, then “put”): after the end, browsers that do not know the box warn.
finding-no-clock = The box does not know the time.
remedy-no-clock = See that the box reaches a time server (NTP).
finding-clock = The box’s clock is off, in seconds: { $number }.
remedy-clock = Check the time server; the battery of the board may be dead.
finding-warm = Temperature of the processor: { $number } °C.
remedy-warm = Give the box air, clean its openings, keep it from the heating.
finding-policy = The box still works by number { $number } of the commune’s rules.
remedy-policy = "preau sync now" on the box, and read what is said.

# A school
school-since = since
school-machine = The box
school-none = No box in service.
school-box = Box
school-enrolled = Enrolled
school-seen = Last night received
school-version = Version
school-room = { $free } free of { $all }
school-disk = Disk
school-memory = Memory
school-temperature = Temperature
school-up = On for
school-days = { $days } d
school-list = Lists in force since
school-sealed = Last seal
school-log = Entries signed by the hub / of the log
school-certificate = Certificate good until
school-policy = The commune’s rules, number
school-archive = What the hub keeps of its log
school-revoke = Revoke this box…
school-revoke-what = Stolen or lost: the hub refuses it from its next request on. The school will need another box; this one comes back with a new code only.
school-revoke-go = Revoke now
school-past = Boxes before
school-revoked = revoked on
school-codes = Enrolment code
school-codes-none = No code is waiting.
school-code-until = good until
school-code-cancel = Cancel
school-replace = The school has a box: the code will be for its replacement.
school-replace-yes = The new box takes the place of the old one, which is revoked
school-hours = Good for, in hours
school-code-go = Make a code

# The code
code-title = Enrolment code
code-until = Good once, until
code-tries = Three wrong tries burn it.
code-replacement = The box that enrols by this code takes the place of the old one, which is revoked at once.
code-command = On the box:
code-once = This code is shown once. If it is lost, make another one.
code-back = Back to the school

# Plots
plot-title = The last months
plot-disk = Free disk, in %
plot-list = Age of the lists, in days
plot-temperature = Temperature, in °C
plot-log = Entries of the log of seals
plot-description = { $least } at the lowest, { $most } at the highest, { $last } last.
plot-table = The figures of the last month
plot-day = Day

# What is kept
archive-title = What the hub keeps of the log
archive-lead = The hub proves that the logs exist and only grew; it cannot read them: the files are encrypted to the school’s readers.
archive-keys = Verify without the hub
archive-log-key = Key of the box’s log:
archive-witness = Key of the hub, the witness:
archive-verify = With a checkpoint taken from here, on the box’s data:
archive-signed = Signed checkpoints
archive-signed-none = None yet.
archive-entries = entries
archive-take = Download
archive-files = Encrypted files
archive-files-none = No file yet.
archive-name = File
archive-bytes = Size
archive-until = Erased on

# The rules
rules-title = The commune’s rules
rules-lead = What the commune opens or closes in all its schools. Boxes take it within seconds; nobody in a school can undo it.
rules-in-force = In force
rules-number = number
rules-none = The commune has no rule.
rules-site = Site
rules-site-rule = A name such as exemple.fr; all names under it belong to it.
rules-verdict = Decision
rules-reason = Reason
rules-until = Until
rules-for-good = no end
rules-permit = Open
rules-refuse = Close
rules-remove = Remove
rules-add = Add a rule
rules-days = For how many days (empty: no end)
rules-look = Look before it is applied
rules-confirm = Apply this rule?
rules-confirm-go = Apply
rules-confirm-no = Do not
rules-reach = Schools that will take it with the next night: { $number }.
rules-replaces = Replaces the commune’s rule about { $site } ({ $verdict }).
rules-under = A wider rule exists: { $site } ({ $verdict }). For this name, the more specific one counts.
rules-above = A more specific rule exists and stays: { $site } ({ $verdict }).
rules-lifts = The contrary rule of { $school } about { $site } ({ $verdict }) will be taken back.
rules-stays = Beware: { $school } keeps its rule about { $site } ({ $verdict }), which counts for that name.
rules-unseen = How many pupils go to this site, the hub does not know: the logs are encrypted.
rules-where = Applied where
rules-nowhere = No box in service.
rules-applied = applied
rules-behind = not yet
rules-silent = unknown

# Alerts
alerts-title = Alerts
alerts-lead = A school that turns red, or is red no more, is told of once.
alerts-no-channel = Nobody is told: there is neither mail nor webhook in the hub’s configuration (hub.toml).
alerts-channels = Sent by:
alerts-mail = mail
alerts-webhook = webhook
alerts-none = No alert.
alerts-subject = Subject
alerts-state = State
alerts-channel = By
alerts-when = At
alerts-sent = sent
alerts-waiting = waiting (tries: { $number })
alerts-given-up = given up (tries: { $number })
letter-red = [Préau] { $school }: red
letter-over = [Préau] { $school }: red no more
letter-wish = [Préau] { $school }: urgent request for { $site }
letter-lists-held-subject = [Préau] filter lists: the new one is held back
letter-lists-held = The new list lost too much: it is not served to boxes, which keep the one before. Look at it, then “preau hub lists accept”.
letter-lists-failed-subject = [Préau] filter lists: nothing comes any more
letter-lists-failed = Boxes have no new list from the hub: the mirror has not answered for two days, or what came cannot be published.
letter-lists-well-subject = [Préau] filter lists: all is well again
letter-lists-well = The filter lists are up to date again.
letter-end = The commune’s hub. This message is sent once for each change.
letter-test = [Préau] test of the alerts
letter-test-body = If you read this, the hub’s alerts reach you.

# The register of acts
acts-title = Register of acts
acts-lead = What everybody did here. Nothing of it is ever changed or removed.
acts-what = Act
acts-about = About
acts-who = By whom
acts-when = At
acts-older = Older acts
deed-sign-in = sign-in
deed-sign-in-by-paper = sign-in with a recovery code
deed-sign-in-failed = failed sign-in
deed-sign-out = sign-out
deed-secret-changed = password changed
deed-telephone-added = telephone added
deed-school-added = school registered
deed-code-made = code made
deed-code-made-replacement = replacement code made
deed-code-cancelled = code cancelled
deed-box-revoked = box revoked
deed-rule-added = rule added
deed-rule-removed = rule removed
deed-request-answered = request answered
deed-content-added = content added
deed-content-removed = content taken back
deed-notice-added = notice given
deed-notice-removed = notice taken back
deed-list-accepted = held list accepted
deed-name-added = name given to a school
deed-name-removed = name taken back
deed-certificate-put = certificate handed in
deed-person-added = person added
deed-person-reset = new card made
deed-person-disabled = person disabled

# What was not done
trouble-title = This was not done
trouble-back = Back
trouble-wrong = Name, password or code is wrong.
trouble-wait = Too many tries: try again in { $seconds } seconds.
trouble-wait-minutes = Too many tries: try again in { $minutes } minutes.
trouble-busy = Many sign in at once: try again in a moment.
trouble-field = A field is missing or cannot be read, or the page was open for too long: begin again.
trouble-denied = Your account may not do this.
trouble-unknown = There is nothing at this address.
trouble-short = This password is too short: twelve characters at least.
trouble-long = This password is too long.
trouble-simple = This password is what anybody would try first.
trouble-same = The two differ, or the password is the one before.
trouble-code = This code is not that of now: check the telephone’s time, and type the next one.
trouble-has-box = The school has a box: make a replacement code.
trouble-rule = This rule is not possible: a site has a name such as exemple.fr, a reason of 200 letters at most, and 1 to 3650 days.
trouble-contrary = A rule of all schools says the contrary of this site: take it back first, or answer for all schools.
trouble-too-many = There are too many already.
trouble-race = Somebody else was quicker: look at what is there, and begin again.
trouble-unavailable = The hub cannot read or write its register: its disk may be full.

# What schools ask
wishes-title = Requests of schools
wishes-lead = What a school cannot decide by itself. The answer arrives there within seconds or in the next night, and whoever asked reads it.
wishes-none = No request waits.
wishes-urgent = urgent
wishes-open = Open
wishes-close = Close
wishes-reason = Reason, which the school will read
wishes-for-school = for this school
wishes-for-all = for all schools
wishes-decline = Decline the request
wishes-lifts = For all schools: the contrary rule of { $school } will be taken back.
wishes-rules = Rules of a single school
wishes-no-rules = No school has a rule of its own.
wishes-past = Requests that were answered
wishes-answer = Answer
wishes-all = { $what }: all schools
wishes-school = { $what }: this school
wishes-no = { $what }: declined

# What schools shall have at hand
content-title = Contents and notices
content-lead = What the boxes fetch from the ENT at night and keep up to the day: in class, all of it opens at once, even when the line is down.
content-places = Contents to be prepared
content-none = Nothing is to be prepared.
content-name = Name that pupils will see
content-until = Up to and including
content-all = all schools
content-add = Add a content
content-url = Address in the ENT
content-go = Add
content-where = How far it is
content-here = { $here } of { $all }
content-notices = Notices to schools
content-no-notices = No notice.
content-notice = Notice that schools will read: a new version, an outage, hours…
content-notice-go = Give notice

# The lists
lists-title = The filter lists
lists-lead = The hub fetches the lists once for all schools, checks them, and serves boxes what has changed alone.
lists-none = This hub serves no lists: hub.toml names no mirror, or nothing has come yet.
lists-held = The new list is held back
lists-loss = { $category }: { $before } lines, then { $after }
lists-accept = It lost too much. If that is meant:
lists-failed = The last try failed:
lists-served = What the hub serves
lists-mirror = Mirror
lists-tried = Last try
lists-checked = Compared with the mirror
lists-published = Published
lists-bytes = The whole list
lists-size = { $number } kB
lists-schools = List in force in each school since

//! Nobody reads the log who should not: the head opens a reading with a reason and her key, all of it is on record, and what
//! she takes away proves itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, preau_binary, usual_configuration, wait_until};
use serde_json::Value;

use crate::people::{AUTHORITY, Browser, HOME, add};
use crate::sealing::{python, visit};

const SECRET: &str = "trois chats gris";

/// A pair of keys: the public one, and the file of the secret one.
struct Key {
    public: String,
    secret: String,
    file: String,
}

fn make_key(lab: &Lab, folder: &Path, owner: &str) -> Result<Key> {
    let binary = preau_binary()?.display().to_string();
    let text = lab.pc1.run(&[&binary, "journal", "keys"])?.success()?;
    let file = folder.join(owner);
    fs::write(&file, &text)?;
    let line = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin));
    let public = line("# public key: ").context("a public key")?.to_owned();
    let secret = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).context("a secret key")?;
    Ok(Key { public, secret: secret.to_owned(), file: file.display().to_string() })
}

/// The key of the safe, as it stands on the printed sheet: typed from it, letter by letter.
fn make_safe_key(lab: &Lab, folder: &Path) -> Result<Key> {
    let binary = preau_binary()?.display().to_string();
    let sheet = folder.join("sheet.html").display().to_string();
    let told = lab.pc1.run(&[&binary, "journal", "keys", "--sheet", &sheet])?.success()?;
    let public = told.split('\'').nth(1).context("a public key")?.to_owned();
    let html = fs::read_to_string(&sheet)?;
    let letters =
        html.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).context("a key")?;
    let secret: String = letters.replace("<br>", "").split_whitespace().collect();
    ensure!(html.contains("<svg") && html.contains(&public), "{html}");
    let file = folder.join("safe");
    fs::write(&file, format!("{secret}\n"))?;
    Ok(Key { public, secret, file: file.display().to_string() })
}

/// A box with a visit of an earlier day, sealed to the head and to the safe.
fn box_of_readers<'l>(lab: &'l Lab, head: &Key, safe: &Key) -> Result<Appliance<'l>> {
    let journal = format!("[journal]\nreaders = ['{}']\nrecovery = '{}'\n", head.public, safe.public);
    let mut appliance = lab.appliance_with(&format!("{}\n{journal}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    // As when the day is over: what is sealed is all that is left of it.
    fs::remove_dir_all(appliance.data().join("journal"))?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    Ok(appliance)
}

/// What the journal has of readings: the deed, and what belongs to it.
fn deeds(appliance: &Appliance<'_>) -> Result<Vec<String>> {
    let printed = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    let told = printed.lines().map(|line| {
        let act: Value = serde_json::from_str(line).context("a line of JSON")?;
        let reading = &act["reading"];
        let number = reading["number"].as_u64().map(|number| number.to_string());
        let words = [act["deed"].as_str(), act["author"].as_str(), number.as_deref()];
        let more = ["reason", "detail", "sought", "end"].map(|key| reading[key].as_str());
        Ok(words.into_iter().chain(more).flatten().collect::<Vec<_>>().join(" "))
    });
    told.collect()
}

fn await_deed(appliance: &Appliance<'_>, expected: &str) -> Result<()> {
    wait_until(&format!("the deed {expected}"), || {
        Ok(deeds(appliance)?.iter().any(|deed| deed.contains(expected)))
    })
}

fn open_form(key: &str) -> String {
    let key = format!("cle={key}");
    format!("motif=complaint&precisions=plainte+de+la+famille&appareil=CM2-01&minutes=60&{key}")
}

fn number(location: &str) -> Result<&str> {
    location.strip_prefix("/direction/journal/lecture?n=").context("a reading's page")
}

#[test]
fn the_head_reads_with_a_reason_and_all_of_it_is_on_record() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let (head_key, safe) = (make_key(&lab, folder.path(), "head")?, make_safe_key(&lab, folder.path())?);
    let mut appliance = box_of_readers(&lab, &head_key, &safe)?;
    let card = add(&appliance, "Mme Durand", "head", &[])?;
    let head = Browser::new(&lab, &lab.pc2, "head");
    head.begin("nom=Mme+Durand", &card, SECRET)?;

    let page = head.get("/direction/journal")?;
    ensure!(page.status == "200", "{}", page.text);
    let opened = head.fill(&page, "/direction/journal/ouvrir", &open_form(&head_key.secret))?;
    let id = number(&opened.location)?.to_owned();
    await_deed(&appliance, &format!("open-reading Mme Durand {id} complaint plainte de la famille"))?;
    let reading = head.get(&opened.location)?;
    let search = |host: &str| format!("lecture={id}&site={host}");
    let found = head.fill(&reading, "/direction/journal/lecture", &search("mediatheque.example"))?;
    ensure!(found.text.contains("CM2-01") && found.text.contains("mediatheque.example"), "{}", found.text);
    await_deed(&appliance, "device CM2-01, host mediatheque.example")?;
    let other = format!("{}&appareil=CM2-02", search("mediatheque.example"));
    let outside = head.fill(&reading, "/direction/journal/lecture", &other)?;
    ensure!(
        outside.status == "422" && outside.text.contains("en dehors de cette lecture"),
        "{}",
        outside.text
    );

    // A restart takes the key away, and not the reading.
    appliance.kill9()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let locked = head.get(&opened.location)?;
    ensure!(locked.status == "200" && locked.text.contains("Le boîtier n’a pas la clé"), "{}", locked.text);
    let refused = head.fill(&locked, "/direction/journal/lecture", &search("mediatheque.example"))?;
    ensure!(refused.status == "409" && !refused.text.contains("CM2-01</bdi></td>"), "{}", refused.text);
    let form = format!("lecture={id}&cle={}", head_key.secret);
    ensure!(head.fill(&locked, "/direction/journal/cle", &form)?.location == opened.location, "unlocked");
    let again = head.fill(&locked, "/direction/journal/lecture", &search("mediatheque.example"))?;
    ensure!(again.status == "200" && again.text.contains("CM2-01</bdi></td>"), "{}", again.text);

    // Its end is its end, though the session goes on.
    let closed = head.fill(&locked, "/direction/journal/terminer", &format!("lecture={id}"))?;
    ensure!(closed.location == "/direction/journal", "{}", closed.text);
    let after = head.fill(&locked, "/direction/journal/lecture", &search("mediatheque.example"))?;
    ensure!(after.status == "409" && after.text.contains("Cette lecture est terminée"), "{}", after.text);
    await_deed(&appliance, &format!("close-reading Mme Durand {id} hand"))?;
    let list = head.get("/direction/journal")?.text;
    ensure!(list.contains("plainte de la famille") && list.contains("pages vues\u{a0}: 2"), "{list}");
    let listed = appliance.run(&["journal", "readings"])?.success()?;
    ensure!(listed.contains("plainte de la famille\t"), "{listed}");
    for entry in fs::read_dir(appliance.data())? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = fs::read(&path)?;
            let has_key = bytes.windows(74).any(|part| part == head_key.secret.as_bytes());
            ensure!(!has_key, "the key is in {}", path.display());
        }
    }
    Ok(())
}

#[test]
fn a_teacher_a_technician_and_a_pupil_get_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let (head_key, safe) = (make_key(&lab, folder.path(), "head")?, make_safe_key(&lab, folder.path())?);
    let appliance = box_of_readers(&lab, &head_key, &safe)?;
    for (name, role, who) in
        [("Mme Martin", "teacher", "personne=1"), ("M. Petit", "technician", "nom=M.+Petit")]
    {
        let card = add(&appliance, name, role, &[])?;
        let browser = Browser::new(&lab, &lab.pc2, role);
        browser.begin(who, &card, SECRET)?;
        if role == "technician" {
            ensure!(browser.get("/enseignant")?.location == "/telephone", "a telephone comes first");
            browser.make_telephone_known(SECRET)?;
        }
        let page = browser.get("/enseignant")?;
        ensure!(!page.text.contains("/direction/journal"), "{}", page.text);
        let answer = browser.fill(&page, "/direction/journal/ouvrir", &open_form(&head_key.secret))?;
        ensure!(answer.status == "403", "{role}: {} {}", answer.status, answer.text);
        ensure!(browser.get("/direction/journal")?.status == "403", "{role}");
    }
    let pupil = Browser::new(&lab, &lab.pc1, "pupil");
    ensure!(pupil.get("/direction/journal")?.location == "/connexion", "nobody is signed in");
    // The command line says why, too.
    let silent = appliance.run_as_given(&["journal", "search"])?;
    ensure!(silent.status == Some(1) && silent.stdout.is_empty(), "{silent:#?}");
    ensure!(silent.stderr.contains("--reason"), "{silent:#?}");
    let sealed = ["journal", "search", "--identity", &head_key.file, "--reason"];
    let routine = appliance.run_as_given(&[&sealed[..], &["maintenance"]].concat())?;
    ensure!(routine.status == Some(1) && routine.stderr.contains("for other reasons"), "{routine:#?}");
    let endless = appliance.run_as_given(&[&sealed[..], &["incident"]].concat())?;
    ensure!(endless.status == Some(1) && endless.stderr.contains("--device"), "{endless:#?}");
    let bounded = appliance.run_as_given(&[&sealed[..], &["incident", "--device", "CM2-01"]].concat())?;
    ensure!(bounded.is_success() && bounded.stdout.contains("mediatheque.example"), "{bounded:#?}");
    let given =
        ["journal", "search", "--host", "mediatheque.example", "--reason", "oversight", "--author", "DPO"];
    appliance.run_as_given(&given)?.success()?;
    await_deed(&appliance, "close-reading DPO")?;
    let opened = deeds(&appliance)?;
    // What came before it is on record by now.
    ensure!(!opened.iter().any(|deed| deed.starts_with("open-reading M")), "nothing was opened: {opened:?}");
    ensure!(
        opened.iter().any(|deed| deed.starts_with("open-reading DPO") && deed.contains("oversight")),
        "{opened:?}"
    );
    Ok(())
}

/// What DuckDB makes of the records of an extract, and Python of the archive.
const READ: &str = "import duckdb, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
archive.extractall(sys.argv[2])
table = sys.argv[2] + '/extrait.parquet'
text = sys.argv[2] + '/extrait.csv'
query = \"select sequence, device, host, verdict from '{}' where record = 'access' order by sequence\"
print(json.dumps(duckdb.sql(query.format(table)).fetchall()))
print(json.dumps(duckdb.sql(\"select sequence, device, host, verdict from read_csv('{}', delim=';', header=true) where record = 'access' order by sequence\".format(text)).fetchall()))";

#[test]
fn an_extract_is_verified_by_somebody_else() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let (head_key, safe) = (make_key(&lab, folder.path(), "head")?, make_safe_key(&lab, folder.path())?);
    let appliance = box_of_readers(&lab, &head_key, &safe)?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let binary = preau_binary()?.display().to_string();
    let out = path("extrait.zip");
    let who = ["--author", "Mme Durand", "--reason", "judicial", "--detail", "réquisition 118"];
    let what = ["--device", "CM2-01", "--identity", &head_key.file, "--whole", "--out", &out];
    // The sealed files are everybody's: not those of a year.
    let printed = appliance.run(&[&["journal", "export"], &who[..], &what].concat())?;
    ensure!(!printed.is_success() && printed.stderr.contains("--from and --to"), "{printed:#?}");
    let moment = |shift: &str| -> Result<String> {
        let shown = lab.pc2.run(&["date", "--utc", &format!("--date={shift}"), "+%Y-%m-%dT%H:%M:%SZ"])?;
        Ok(shown.success()?.trim().to_owned())
    };
    let (from, to) = (moment("-2 days")?, moment("1 hour")?);
    let window = ["--from", &from, "--to", &to];
    let printed = appliance.run(&[&["journal", "export"], &who[..], &what, &window].concat())?;
    ensure!(printed.is_success(), "{printed:#?}");
    await_deed(&appliance, "export-journal Mme Durand")?;
    let taken = deeds(&appliance)?;
    ensure!(taken.iter().any(|deed| deed.contains("sealed files, ")), "{taken:?}");

    // Elsewhere, without the box: with its public key, and with the head's.
    let key = fs::read_to_string(appliance.data().join("sealed/key"))?.trim().to_owned();
    let verify = |more: &[&str]| lab.pc2.run(&[&[binary.as_str(), "journal", "verify", &out], more].concat());
    let verified = verify(&["--key", &key])?;
    ensure!(verified.is_success() && verified.stdout.contains("réquisition 118"), "{verified:#?}");
    let compared = verify(&["--key", &key, "--identity", &safe.file])?;
    ensure!(compared.is_success() && compared.stdout.contains("compared row by row"), "{compared:#?}");
    let strange =
        verify(&["--key", "preau/journal/0+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="])?;
    ensure!(!strange.is_success(), "{strange:#?}");

    let unpacked = path("unpacked");
    let read = lab.pc2.run(&[&python()?, "-c", READ, &out, &unpacked])?.success()?;
    let mut tables = read.lines().map(serde_json::from_str::<Value>);
    let (table, text) = (tables.next().context("a table")??, tables.next().context("a text")??);
    ensure!(table == text && table.to_string().contains("mediatheque.example"), "{read}");
    let cover = fs::read_to_string(Path::new(&unpacked).join("couverture.html"))?;
    for expected in ["Extrait du journal", "réquisition 118", "Mme Durand", "CM2-01", &key] {
        ensure!(cover.contains(expected), "{expected}: {cover}");
    }
    // Debian's age opens the sealed file in it with the key from the safe.
    let sealed = format!("{unpacked}/scelles/seal-00000000000000000002.parquet.age");
    let decrypt = ["age", "--decrypt", "--identity", &safe.file, "--output", &path("day"), &sealed];
    lab.pc2.run(&decrypt)?.success()?;
    ensure!(fs::read(path("day"))?.starts_with(b"PAR1"), "a table");

    // Whoever changes a word of the cover is found out.
    let mut bytes = fs::read(&out)?;
    let word = "réquisition 118".as_bytes();
    let place = bytes.windows(word.len()).position(|part| part == word).context("the cover")?;
    if let Some(byte) = bytes.get_mut(place + word.len() - 1) {
        *byte = b'9';
    }
    fs::write(&out, bytes)?;
    let found = verify(&["--key", &key])?;
    ensure!(found.status == Some(1) && found.stdout.contains("couverture.html was changed"), "{found:#?}");
    Ok(())
}

/// The head takes an extract on her page, from the same journal.
#[test]
fn the_head_takes_an_extract_on_her_page() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let (head_key, safe) = (make_key(&lab, folder.path(), "head")?, make_safe_key(&lab, folder.path())?);
    let appliance = box_of_readers(&lab, &head_key, &safe)?;
    let card = add(&appliance, "Mme Durand", "head", &[])?;
    let head = Browser::new(&lab, &lab.pc2, "head");
    head.begin("nom=Mme+Durand", &card, SECRET)?;
    let page = head.get("/direction/journal")?;
    let opened = head.fill(&page, "/direction/journal/ouvrir", &open_form(&head_key.secret))?;
    let id = number(&opened.location)?.to_owned();
    let reading = head.get(&opened.location)?;
    let out = folder.path().join("extrait.zip").display().to_string();
    let form = format!("jeton={}&lecture={id}&site=mediatheque.example&entier=0", reading.token()?);
    let origin = format!("Origin: {HOME}");
    let taken =
        head.send("/direction/journal/extrait", &["--header", &origin, "--data", &form, "--output", &out])?;
    ensure!(taken.status == "200", "{} {}", taken.status, taken.text);
    await_deed(&appliance, &format!("export-journal Mme Durand {id}"))?;
    let binary = preau_binary()?.display().to_string();
    let verified = lab.pc2.run(&[&binary, "journal", "verify", &out])?;
    let is_doubted = verified.status == Some(2) && verified.stdout.contains("NOT VERIFIED: anybody");
    ensure!(is_doubted && verified.stdout.contains("complaint"), "{verified:#?}");
    Ok(())
}

/// The head registers the officer on her page, as on a box without a command line: the secret of the card.
fn register_officer(lab: &Lab, appliance: &Appliance<'_>) -> Result<String> {
    let card = add(appliance, "M. Bernard", "head", &[])?;
    let head = Browser::new(lab, &lab.pc2, "registering");
    head.begin("nom=M.+Bernard", &card, SECRET)?;
    let page = head.get("/direction/personnes")?;
    let shown = head.fill(&page, "/direction/personnes", "nom=Mme+Lefort&role=officer")?;
    let (_, rest) = shown.text.split_once("class=\"code\">").context("a card")?;
    Ok(rest.split('<').next().context("a secret")?.to_owned())
}

/// The data protection officer signs in, looks on, signs how long what is kept, and verifies with a key what no other can.
#[test]
fn the_officer_looks_after_the_log() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let (head_key, safe) = (make_key(&lab, folder.path(), "head")?, make_safe_key(&lab, folder.path())?);
    let appliance = box_of_readers(&lab, &head_key, &safe)?;
    let card = register_officer(&lab, &appliance)?;
    let officer = Browser::new(&lab, &lab.pc2, "officer");
    officer.begin("nom=Mme+Lefort", &card, SECRET)?;
    let page = officer.get("/direction/journal")?;
    let shows = |text: &str| page.text.contains(text);
    ensure!(page.status == "200" && shows(&head_key.public) && shows(&safe.public), "{}", page.text);
    ensure!(shows("La carte de DPO de Mme Lefort a été faite par M. Bernard"), "{}", page.text);
    ensure!(!shows("/direction/journal/suspendre") && officer.get("/direction")?.status == "403");
    let opened = officer.fill(
        &page,
        "/direction/journal/ouvrir",
        &open_form(&head_key.secret).replace("complaint", "oversight"),
    )?;
    ensure!(opened.location.starts_with("/direction/journal/lecture"), "{}", opened.text);
    await_deed(&appliance, "open-reading Mme Lefort")?;
    // The box may seal at this moment.
    wait_until("the officer's name in the log", || {
        officer.fill(&page, "/direction/journal/signer", "numeros=0")?;
        let told = appliance.run(&["journal", "verify"])?;
        Ok(told.is_success() && told.stdout.contains("Mme Lefort has signed how long what is kept"))
    })?;
    let looked = appliance.run(&["journal", "verify", "--identity", &safe.file])?;
    ensure!(looked.is_success() && looked.stdout.contains("sealed files were opened"), "{looked:#?}");
    let stranger = make_key(&lab, folder.path(), "stranger")?;
    let locked = appliance.run(&["journal", "verify", "--identity", &stranger.file])?;
    ensure!(locked.status == Some(2) && locked.stdout.contains("NOT COMPLETE"), "{locked:#?}");
    // By hand, without the configuration that names the readers, nothing is sealed in clear.
    let by_hand = appliance.run(&["journal", "seal"])?;
    ensure!(!by_hand.is_success() && by_hand.stderr.contains("give --config"), "{by_hand:#?}");
    Ok(())
}

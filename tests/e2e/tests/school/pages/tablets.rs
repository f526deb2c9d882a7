//! The picture by which a class set joins: on the projector, by the keyboard alone and without a script, read back from what the screen
//! shows, as a tablet's camera reads it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Lab, WIFI_WITHOUT_RADIO, wait_until};
use serde_json::json;

use super::chrome::{Chrome, ENTER, Scripts};
use super::{School, TEACHER_PIN, choose_secret, page, sign_in_by_tile};

const PLACE: &str = "/enseignant/tablettes";
/// A projector's screen.
const PROJECTOR: u32 = 1_920;
/// Smallest side of the picture there, in pixels: half of what a projector is high. From the back of a room a camera reads what is a
/// tenth as large as it is away.
const SIDE_MIN: f64 = 500.0;

/// Has a browser make grey pixels of a picture: a page that shows nothing has no policy that forbids it.
const DEVELOP: &str = "
    const done = arguments[arguments.length - 1], image = new Image();
    image.onerror = () => done(null);
    image.onload = () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        const { data } = pen.getImageData(0, 0, image.width, image.height);
        let grey = '';
        for (let at = 1; at < data.length; at += 4) grey += String.fromCharCode(data[at]);
        done({ width: image.width, height: image.height, grey: btoa(grey) });
    };
    image.src = 'data:image/png;base64,PICTURE';";

/// The texts of all pictures by which devices join that a screen shows.
fn read_screen(camera: &Chrome<'_>, screen: &[u8]) -> Result<Vec<String>> {
    camera.go("about:blank")?;
    let seen = camera.run_later(&DEVELOP.replace("PICTURE", &STANDARD.encode(screen)))?;
    let side = |name: &str| seen[name].as_u64().and_then(|it| usize::try_from(it).ok()).context("a side");
    let (width, height) = (side("width")?, side("height")?);
    let grey = STANDARD.decode(seen["grey"].as_str().context("pixels")?)?;
    ensure!(grey.len() == width * height, "{} pixels of {width} x {height}", grey.len());
    let pixel = |x: usize, y: usize| grey.get(y * width + x).copied().unwrap_or(u8::MAX);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = image.detect_grids();
    grids.iter().map(|grid| Ok(grid.decode()?.1)).collect()
}

fn press(chrome: &Chrome<'_>, selector: &str) -> Result<()> {
    chrome.tab_to(selector)?;
    chrome.press(ENTER)
}

#[test]
fn tablets_read_the_rooms_wifi_from_the_projector() -> Result<()> {
    let lab = Lab::new()?;
    let school = School::open_with(&lab, WIFI_WITHOUT_RADIO)?;
    let wifi = |arguments: &[&str]| school.appliance.run(&[&["wifi"], arguments].concat());
    wait_until("the room's key", || Ok(wifi(&["key", "list"])?.success()?.contains("\tCM2\t")))?;
    wait_until("the access point", || Ok(wifi(&["status"])?.stdout.contains("borne-cm2")))?;
    let key = wifi(&["key", "show", "--room", "CM2"])?.success()?.trim_end().to_owned();

    let (chrome, camera) =
        (school.chrome(&lab.pc2, Scripts::Blocked)?, school.chrome(&lab.pc1, Scripts::Run)?);
    sign_in_by_tile(&chrome, &school.card)?;
    choose_secret(&chrome, &school.card, TEACHER_PIN)?;
    chrome.await_path("/enseignant")?;
    chrome.go(&page(PLACE))?;
    chrome.await_text("Démarrez le cours")?;
    chrome.go(&page("/enseignant"))?;
    press(&chrome, "form[action='/enseignant/cours'] button.big")?;
    chrome.await_text("Faire entrer les tablettes")?;
    press(&chrome, "a[href='/enseignant/tablettes']")?;
    chrome.await_path(PLACE)?;
    chrome.await_text("tilleul")?;

    chrome.resize(PROJECTOR)?;
    let size = "const root = document.documentElement;
        return { width: root.scrollWidth, height: root.scrollHeight };";
    let screen = chrome.picture(&chrome.run(size, &json!([]))?)?;
    let side = "return document.querySelector('.qr svg').getBoundingClientRect().height;";
    let side = chrome.run(side, &json!([]))?.as_f64().context("a side")?;
    ensure!(side >= SIDE_MIN, "{side} pixels");
    let read = read_screen(&camera, &screen)?;
    ensure!(read == [format!("WIFI:T:WPA;S:tilleul;P:{key};;")], "{read:?}");

    // It is the key: it goes with the lesson.
    press(&chrome, "a[href='/enseignant'].button")?;
    chrome.await_path("/enseignant")?;
    press(&chrome, "form[action='/enseignant/cours/fin'] button")?;
    chrome.await_text("Pas de cours dans cette salle")?;
    chrome.go(&page(PLACE))?;
    chrome.await_text("Démarrez le cours")?;
    let nothing = chrome.run("return document.querySelector('.qr') === null", &json!([]))?;
    ensure!(nothing == json!(true), "the picture outlives the lesson");
    Ok(())
}

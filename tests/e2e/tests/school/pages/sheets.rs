//! What the head prints about the Wi-Fi: each is one sheet of paper, and needs no script.

use std::fs;

use anyhow::{Result, ensure};
use harness::{Lab, WIFI_WITHOUT_RADIO, wait_until};

use super::album::Album;
use super::chrome::Scripts;
use super::{HEAD_SECRET, School, choose_secret, page, sign_in_by_name};
use crate::people::add;

/// Where the sheet is, and what stands on it.
const SHEETS: [(&str, &[&str]); 3] = [
    ("/direction/wifi", &["Registre du Wi-Fi", "CM2", "Mme Martin", "article 7"]),
    (
        "/direction/wifi/conseil",
        &["information préalable du conseil d’école", "sont désactivés", "aide à la respecter", "CM2"],
    ),
    ("/direction/wifi/porte", &["Wi-Fi", "éteint quand il ne sert pas à un cours", "École élémentaire"]),
];

/// The pages of a PDF, as Chromium writes it: their dictionaries are in the clear (ISO 32000-1 section 7.7.3.3).
fn count_pages(paper: &[u8]) -> usize {
    let text = String::from_utf8_lossy(paper);
    text.split("/Type /Page").skip(1).filter(|rest| !rest.starts_with('s')).count()
}

#[test]
fn each_sheet_about_the_wifi_is_one_page() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("sheets")?);
    let school = School::open_with(&lab, WIFI_WITHOUT_RADIO)?;
    let card = add(&school.appliance, "M. Bernard", "head", &[])?;
    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--for", "30m", "--wifi", "true"];
    school.appliance.run(&lesson)?.success()?;
    let chrome = school.chrome(&lab.pc2, Scripts::Blocked)?;
    sign_in_by_name(&chrome, "M. Bernard", &card)?;
    choose_secret(&chrome, &card, HEAD_SECRET)?;
    chrome.await_path("/direction")?;
    for (path, words) in SHEETS {
        chrome.go(&page("/direction"))?;
        chrome.touch(&format!("a[href='{path}']"))?;
        chrome.await_path(path)?;
        wait_until(&format!("the words of {path}"), || {
            let text = chrome.text()?.replace('\u{a0}', " ");
            Ok(words.iter().all(|expected| text.contains(expected)))
        })?;
        let paper = chrome.print()?;
        fs::write(album.place(&format!("{}.pdf", path.replace('/', "-"))), &paper)?;
        ensure!(count_pages(&paper) == 1, "{path} has {} pages", count_pages(&paper));
    }
    album.close()
}

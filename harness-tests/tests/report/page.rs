//! The page in a browser: it shows, filters, switches, asks nothing of the network, and stays whole whatever services write.

use std::path::{Path, PathBuf};

use serde_json::json;
use steadfast::report::page::Page;
use steadfast::report::{Found, html};
use steadfast::spec::Expected;

use super::browser::Browser;
use super::made;

fn document(words: &str, deliveries: usize) -> String {
    let found = vec![
        made::violation(words, deliveries),
        Found::Held { exercised: 38 },
        Found::NotExercised(format!("nothing was seen {words}")),
    ];
    html::document(&Page::new(&made::spec(), &made::summary(Expected::Held, found)))
}

/// Opens the page of such a history; nothing may have gone wrong when `inspect` is through with it.
#[track_caller]
fn check(words: &str, deliveries: usize, inspect: impl FnOnce(&mut Browser, &Path)) {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.html");
    std::fs::write(&file, document(words, deliveries)).expect("written");
    browser.look(1280, 900, "light");
    browser.open(&file);
    inspect(&mut browser, &file);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Types and chooses, and waits until the page has drawn what matches.
#[track_caller]
fn filtered(browser: &mut Browser, text: &str, who: &str, kind: &str) -> (u64, String) {
    let choose = format!(
        "new Promise(done => {{
            const [who, kind] = document.querySelectorAll('.filter select');
            const text = document.querySelector('.filter input');
            text.value = {}; who.value = {}; kind.value = {};
            text.dispatchEvent(new Event('input'));
            requestAnimationFrame(() => requestAnimationFrame(() => done(1)));
        }})",
        json!(text),
        json!(who),
        json!(kind)
    );
    browser.value(&choose);
    // Asked of each row, whether it is to be seen would have the browser lay out ten thousand of them one by one.
    assert_ne!(browser.value("getComputedStyle(document.querySelector('.entries')).display"), "none");
    let hidden = "[...document.querySelectorAll('.entries li[hidden]')].slice(0, 20)\
                  .filter(row => getComputedStyle(row).display !== 'none').length";
    assert_eq!(browser.value(hidden), 0);
    let shown = "document.querySelectorAll('.entries li:not([hidden])').length";
    let shown = browser.value(shown).as_u64().expect("a number");
    (
        shown,
        browser
            .value("document.querySelector('.filter output').textContent")
            .as_str()
            .expect("text")
            .to_owned(),
    )
}

#[test]
fn it_filters_by_text_by_service_and_by_kind() {
    check("", 0, |browser, _| {
        assert_eq!(filtered(browser, "", "", ""), (17, "17 of 17".to_owned()));
        assert_eq!(filtered(browser, "", "payments", ""), (8, "8 of 17".to_owned()));
        assert_eq!(filtered(browser, "", "payments", "effect"), (2, "2 of 17".to_owned()));
        assert_eq!(filtered(browser, "SECOND charge", "", ""), (1, "1 of 17".to_owned()));
        assert_eq!(filtered(browser, "no such words", "", ""), (0, "0 of 17".to_owned()));
        assert_eq!(browser.value("document.querySelector('.nothing').checkVisibility()"), true);
        // What the diagram links to is shown again.
        browser.value("location.hash = '#event-0-12', 1");
        browser.value("new Promise(done => setTimeout(done, 0))");
        assert_eq!(browser.value("document.querySelector('#event-0-12').checkVisibility()"), true);
    });
}

#[test]
fn every_moment_of_the_diagram_leads_to_its_event() {
    check("", 0, |browser, _| {
        let leads = "[...document.querySelectorAll('.moments a')].map(a => a.getAttribute('href').slice(1)) \
                     .filter(id => !document.getElementById(id)).length";
        assert_eq!(browser.value(leads), 0);
        assert_eq!(browser.value("document.querySelectorAll('.moment').length"), 12);
        let lanes = "[...document.querySelectorAll('.head .name')].map(lane => lane.textContent).join(' ')";
        assert_eq!(browser.value(lanes), "client 1 orders payments order-events shop gateway");
        assert_eq!(browser.value("document.querySelectorAll('.moment .band.fault').length"), 1);
        let marked = "[...document.querySelectorAll('.moment.culprit .note')].map(note => note.textContent.trim()).join()";
        assert_eq!(browser.value(marked), "◀ first charge for o1,◀ second charge for o1");
    });
}

#[test]
fn it_is_light_or_dark_as_the_user_likes_it_and_by_its_button() {
    check("", 0, |browser, _| {
        let ground = "getComputedStyle(document.body).backgroundColor";
        let light = browser.value(ground);
        browser.look(1280, 900, "dark");
        let dark = browser.value(ground);
        assert_ne!(light, dark);
        browser.value("document.getElementById('theme').click(), 1");
        assert_eq!(browser.value(ground), light);
        browser.value("document.getElementById('theme').click(), 1");
        assert_eq!(browser.value(ground), dark);
    });
}

#[test]
fn it_fits_a_telephone() {
    check(&"unbroken".repeat(40), 0, |browser, _| {
        for width in [360, 768, 1920] {
            browser.look(width, 800, "light");
            let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.value(overflow), 0, "{width} pixels wide");
        }
    });
}

#[test]
fn nothing_that_services_write_becomes_markup() {
    check(made::HOSTILE, 3, |browser, _| {
        assert_eq!(browser.value("document.querySelectorAll('script').length"), 1);
        assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);
        let text = browser.value("document.querySelector('.entries').textContent");
        assert!(text.as_str().expect("text").contains("</script><script>alert(1)</script>"));
    });
}

#[test]
fn ten_thousand_facts_can_be_filtered() {
    check("", 10_000, |browser, _| {
        assert_eq!(filtered(browser, "", "", "").1, "10017 of 10017");
        assert_eq!(filtered(browser, "record 7777", "", "").1, "2 of 10017");
        assert_eq!(filtered(browser, "", "client 1", "").1, "2 of 10017");
        assert_eq!(filtered(browser, "", "payments", "effect").1, "2 of 10017");
        let (took, _) = (browser.value("performance.getEntriesByType('navigation')[0].duration"), 0);
        let filter = "(() => { const began = performance.now(); const box = document.querySelector('.filter input');
            box.value = 'record 12'; box.dispatchEvent(new Event('input'));
            return new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)))); })()";
        println!("loaded in {took} ms, filtered in {} ms", browser.value(filter));
    });
}

/// Whoever was not there when the run spoke finds it on the page, below the verdicts that it makes worth less.
#[test]
fn what_was_given_and_not_used_stands_below_the_verdicts() {
    let held = || Found::Held { exercised: 38 };
    let mut summary = made::summary(Expected::Held, vec![held(), held(), held()]);
    assert!(!html::document(&Page::new(&made::spec(), &summary)).contains("never used"));
    summary.unused = vec![made::unused()];
    let document = html::document(&Page::new(&made::spec(), &summary));
    let remark = "<span class=\"words\">payments never used dependencies.gateway: \
                  does it read GATEWAY_URL, and do the operations lead there?</span>";
    assert!(document.contains(remark), "{document}");
}

#[test]
fn passwords_are_not_in_it() {
    let document = document("connect to postgres://shop:s3cret@db:5432/shop failed", 0);
    assert!(!document.contains("s3cret") && document.contains("postgres://shop:***@db:5432/shop"));
}

/// Pictures for whoever wants to look: `STEADFAST_PHOTOS=FOLDER cargo test … -- --ignored photographs`.
#[test]
#[ignore = "for people to look at"]
fn photographs() {
    let folder = PathBuf::from(std::env::var_os("STEADFAST_PHOTOS").expect("a folder for the pictures"));
    let page = std::env::var_os("STEADFAST_PAGE").map(PathBuf::from);
    check("", 0, |browser, made| {
        browser.open(page.as_deref().unwrap_or(made));
        for (name, width, height) in [("wide", 1280, 2200), ("narrow", 390, 2400)] {
            for scheme in ["light", "dark"] {
                browser.look(width, height, scheme);
                browser.photograph(&folder.join(format!("{name}-{scheme}.png")));
            }
        }
    });
}

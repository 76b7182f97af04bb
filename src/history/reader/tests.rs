use std::io::Cursor;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const FIRST: &str = r#"{"seq":0,"at":0,"what":{"began":{"format":1,"spec":"checkout"}}}"#;
const REST: [&str; 5] = [
    r#"{"seq":1,"at":5,"what":{"invoked":{"operation":0,"client":1,"name":"place_order","given":{"order":{"new":"o1"},"sku":"red"}}}}"#,
    r#"{"seq":2,"at":7,"what":{"fact":{"service":"payments","about":["o1"],"seen":{"called":{"dependency":"gateway","request":"POST /charges","body":"{}"}}}}}"#,
    r#"{"seq":3,"at":7,"cause":2,"what":{"fact":{"service":"payments","about":["o1"],"seen":{"effect":{"effect":"charge","dependency":"gateway","key":"o1","body":"{\"amount\":4200}"}}}}}"#,
    r#"{"seq":4,"at":9,"what":{"returned":{"operation":0,"outcome":"ok","detail":"201","reply":{"status":201,"body":{"größe":1}}}}}"#,
    r#"{"seq":5,"at":20,"what":"quiet"}"#,
];

fn lines() -> String {
    format!("{FIRST}\n{}\n", REST.join("\n"))
}

fn parsed(text: impl AsRef<[u8]>) -> Result<Stored, String> {
    read_from(Cursor::new(text.as_ref()), Path::new("a.jsonl")).map_err(|problem| problem.to_string())
}

#[test]
fn what_a_recorder_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let mut recorder = crate::history::Recorder::begin(Some(&path)).unwrap();
    for event in parsed(lines()).unwrap().history.events {
        recorder.record_caused(event.what, event.cause);
    }
    let history = recorder.finish().unwrap();
    assert_eq!(history.events.len(), 6);
    assert_eq!(read(&path).unwrap(), Stored { history, cut_off: None, missing: 0 });
}

#[test]
fn a_last_line_that_is_cut_off_is_left_out_and_told() {
    let (whole, text) = (parsed(lines()).unwrap(), lines());
    let last = text.trim_end().rfind('\n').unwrap();
    // Without its line end it says all the same.
    assert_eq!(parsed(text.trim_end()).unwrap(), whole);
    for end in FIRST.len() + 1..text.len() - 1 {
        let (before, half) = text.as_bytes()[..end]
            .split_at(text[..].as_bytes()[..end].iter().rposition(|byte| *byte == b'\n').unwrap() + 1);
        let stored =
            parsed(&text.as_bytes()[..end]).unwrap_or_else(|problem| panic!("cut at {end}: {problem}"));
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let is_whole = serde_json::from_slice::<Value>(half).is_ok();
        let cut_off = (!half.is_empty() && !is_whole).then_some(lines as u64 + 1);
        assert_eq!(stored.cut_off, cut_off, "cut at {end}");
        assert_eq!(stored.history.events.len(), lines + usize::from(is_whole), "cut at {end}");
    }
    // In the middle of a file it is wrong.
    assert!(parsed(format!("{}\n{}", &text[..last - 5], &text[last + 1..])).is_err());
}

#[test]
fn events_that_are_missing_are_counted_and_the_others_numbered_anew() {
    let text = lines();
    let without = |number: usize| {
        let kept = text.lines().enumerate().filter(|(place, _)| *place != number);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let stored = parsed(without(1).replace("returned", "invoked").replace(REST[3], "")).unwrap_err();
    assert!(stored.contains("a.jsonl:"), "{stored}");
    // The effect names its call, which is one place further ahead now, or missing.
    let text = without(4);
    let stored = parsed(&text).unwrap();
    assert_eq!((stored.missing, stored.history.events[3].cause), (1, Some(2)));
    let stored = parsed(without(2)).unwrap();
    assert_eq!((stored.missing, stored.history.events[2].cause), (1, None));
    let numbers: Vec<u64> = stored.history.events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
    let check = |from: &str, to: &str| {
        let text = lines().replacen(from, to, 1);
        assert_ne!(text, lines(), "{from} stands there");
        parsed(text).unwrap_err()
    };
    let problems = [
        check(&lines(), ""),
        check(FIRST, "seq,at,what"),
        check(FIRST, REST[4]),
        check("\"format\":1", "\"format\":2"),
        check("\"format\":1", "\"format\":\"one\""),
        check("\"client\":1", "\"client\":\"one\""),
        check("\"called\"", "\"phoned\""),
        check("\"cause\":2", "\"because\":2"),
        check("\"cause\":2", "\"cause\":3"),
        check("\"seq\":3", "\"seq\":2"),
        check("\"at\":9", "\"at\":6"),
        check(REST[4], FIRST.replace("\"seq\":0,\"at\":0", "\"seq\":5,\"at\":9").as_str()),
        check(REST[4], REST[0].replace("\"seq\":1,\"at\":5", "\"seq\":5,\"at\":9").as_str()),
        check(REST[4], REST[3].replace("\"seq\":4", "\"seq\":5").as_str()),
        check("\"returned\":{\"operation\":0", "\"returned\":{\"operation\":7"),
        check("{\"new\":\"o1\"}", "{\"newest\":\"o1\"}"),
        check(REST[4], ""),
        check(REST[2], "{\"seq\":3,"),
    ];
    assert_snapshot!(problems.join("\n"));
    let mut text = lines().into_bytes();
    text[FIRST.len() + 9] = 0xff;
    assert_snapshot!(parsed(text).unwrap_err(), @"a.jsonl:2:9: this is not UTF-8; `steadfast schema history` prints what a line may hold");
    let missing = read(Path::new("no such folder/history.jsonl")).unwrap_err().to_string();
    assert_snapshot!(missing, @"no such folder/history.jsonl: No such file or directory (os error 2)");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..400_usize, text in "\\PC{0,40}") {
        let _ = parsed(&bytes);
        let mut broken = lines().into_bytes();
        broken.splice(at..at, text.bytes());
        let _ = parsed(&broken);
        broken.splice(at..at + 10, bytes);
        let _ = parsed(&broken);
    }

    /// Whatever is read, is written and read again as the same.
    #[test]
    fn what_is_read_is_well_formed(keep in prop::collection::vec(any::<bool>(), 5)) {
        let kept = REST.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(line, _)| format!("{line}\n"));
        let text = format!("{FIRST}\n{}", kept.collect::<String>());
        // An operation that returns must have been invoked.
        prop_assume!(keep[0] || !keep[3]);
        let stored = parsed(text).unwrap();
        prop_assert_eq!(stored.history.events.len(), 1 + keep.iter().filter(|keep| **keep).count());
        let written = stored.history.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        let again = parsed(written.collect::<String>()).unwrap();
        prop_assert_eq!((again.history, again.missing), (stored.history, 0));
    }
}

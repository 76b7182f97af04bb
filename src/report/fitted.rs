//! Lines that are broken where a terminal ends, at a space, and go on below where their text began.

use console::measure_text_width;

/// The line, in as many as it needs; what follows the first is indented. Colour takes no room. A word that is wider than
/// the terminal, such as a path, stays whole.
pub(super) fn fitted(line: &str, indent: usize, width: usize) -> String {
    let (mut fitted, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let (room, whole) = (measure_text_width(word.trim_end()), measure_text_width(word));
        if column + room > width && column > indent {
            let kept = fitted.trim_end().len();
            fitted.truncate(kept);
            fitted.push('\n');
            fitted.push_str(&" ".repeat(indent));
            column = indent;
        }
        // The spaces between columns do not begin a line.
        if column > indent || room > 0 || !fitted.contains('\n') {
            fitted.push_str(word);
            column += whole;
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::fitted;

    fn check(line: &str, width: usize, expected: &str) {
        assert_eq!(fitted(line, 2, width), expected, "{line:?} in {width}");
    }

    #[test]
    fn lines_end_where_the_terminal_does() {
        check("", 10, "");
        check("a line", 10, "a line");
        check("one two three", 9, "one two\n  three");
        check("one two   three four", 9, "one two\n  three\n  four");
        check("one two three", 7, "one two\n  three");
        check("unbreakable", 4, "unbreakable");
        check("an unbreakable", 4, "an\n  unbreakable");
        check("── über ──▶ x", 8, "── über\n  ──▶ x");
    }

    #[test]
    fn colour_takes_no_room() {
        check("\u{1b}[31mone two\u{1b}[0m", 7, "\u{1b}[31mone two\u{1b}[0m");
    }
}

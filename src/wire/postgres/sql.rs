//! As much of SQL as everybody needs who looks for the ends of statements.

/// How long the comment at the start of a text is; 0 without one. Block comments nest in Postgres.
pub fn comment_length(text: &[u8]) -> usize {
    if text.starts_with(b"--") {
        return text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    }
    if !text.starts_with(b"/*") {
        return 0;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text.get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

//! Passwords do not belong into files that are kept, mailed and uploaded.

/// The text with the password of every URL in it (`postgres://shop:secret@host`) hidden.
pub fn passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let ends = |letter: char| letter.is_whitespace() || "/?#\"'<>`".contains(letter);
        let authority = after.split(ends).next().unwrap_or_default();
        match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
            Some((name, password)) => {
                shown.push_str(name);
                shown.push_str(":***");
                rest = after.get(name.len() + 1 + password.len()..).unwrap_or_default();
            }
            None => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::passwords;

    fn check(text: &str, shown: &str) {
        assert_eq!(passwords(text), shown);
    }

    #[test]
    fn passwords_of_urls_are_hidden() {
        check("postgres://shop:s3cret@db:5432/shop", "postgres://shop:***@db:5432/shop");
        check("a://b:c@d e://f:g@h@i", "a://b:***@d e://f:***@i");
        check("http://gateway:8080/charges?to=a@b", "http://gateway:8080/charges?to=a@b");
        check("postgres://shop@db", "postgres://shop@db");
        check("://:@", "://:***@");
        check("none", "none");
        check("http://ü:ß@ö", "http://ü:***@ö");
    }
}

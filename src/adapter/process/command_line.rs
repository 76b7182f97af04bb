//! A command as one types it, split into words; a shell only where it is needed.

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub program: String,
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// Splits `text` as a shell does. What only a shell can do, a shell does.
    pub fn parse(text: &str) -> Result<CommandLine, &'static str> {
        let Some(words) = words(text)? else {
            let arguments = vec!["-c".to_owned(), text.to_owned()];
            return Ok(CommandLine { program: "/bin/sh".to_owned(), arguments });
        };
        let mut words = words.into_iter();
        let program = words.next().ok_or("it is empty")?;
        Ok(CommandLine { program, arguments: words.collect() })
    }
}

/// The words of a line, or `None` when it needs a shell.
fn words(text: &str) -> Result<Option<Vec<String>>, &'static str> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_whitespace() && letter != '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let into = word.get_or_insert_default();
                if !quoted(letter, &mut letters, into)? {
                    return Ok(None);
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next().ok_or("it ends in a backslash")?),
            // Variables, pipes, lists, redirections, patterns, comments.
            '\n' | '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '~' | '#' => {
                return Ok(None);
            }
            // A setting in front of the program, as in `PORT=1 service`.
            '=' if words.is_empty() => return Ok(None),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(Some(words))
}

/// Reads up to the closing quote; `false` when the text needs a shell.
fn quoted(quote: char, letters: &mut std::str::Chars<'_>, into: &mut String) -> Result<bool, &'static str> {
    loop {
        match letters.next().ok_or("a quote does not end")? {
            letter if letter == quote => return Ok(true),
            '$' | '`' if quote == '"' => return Ok(false),
            '\\' if quote == '"' => match letters.next().ok_or("a quote does not end")? {
                escaped @ ('"' | '\\' | '$' | '`') => into.push(escaped),
                other => into.extend(['\\', other]),
            },
            letter => into.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[&str], &'static str>) {
        let found = CommandLine::parse(text).map(|line| {
            let mut words = vec![line.program];
            words.extend(line.arguments);
            words
        });
        let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn splits_as_a_shell_does_and_calls_one_only_when_needed() {
        check("target/release/shop orders", Ok(&["target/release/shop", "orders"]));
        check(
            r#"  python3 -c 'print("a b")' --name="x y" "#,
            Ok(&["python3", "-c", r#"print("a b")"#, "--name=x y"]),
        );
        check(r#"a\ b "c\"d" ''"#, Ok(&["a b", "c\"d", ""]));
        check("node a.js && true", Ok(&["/bin/sh", "-c", "node a.js && true"]));
        check("A=1 node", Ok(&["/bin/sh", "-c", "A=1 node"]));
        check(r#"echo "$HOME""#, Ok(&["/bin/sh", "-c", r#"echo "$HOME""#]));
        check("", Err("it is empty"));
        check("echo 'a", Err("a quote does not end"));
    }
}

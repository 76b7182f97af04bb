//! The files of the project, and Rust read as far as the rules need it; rustfmt keeps it regular enough for that.

use std::path::Path;

/// A file of the project, by its path from the top.
pub struct File {
    pub path: String,
    pub text: String,
}

/// What is committed or could be: no build results, no scratch, nothing hidden but the settings of the CI.
pub fn collect(top: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if (name.starts_with('.') && name != ".ci") || ["target", "node_modules"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            collect(top, &path, files);
        } else if let (Ok(text), Ok(path)) = (std::fs::read_to_string(&path), path.strip_prefix(top)) {
            files.push(File { path: path.to_string_lossy().into_owned(), text });
        }
    }
}

impl File {
    pub fn is_product(&self) -> bool {
        self.path.starts_with("src/") && self.path.ends_with(".rs")
    }

    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// `src/spec/raw.rs` and `src/spec.rs` are of the module `spec`.
    pub fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').next().unwrap_or(inside)
    }

    /// How many `super` lead from this file to the top of the crate.
    fn depth(&self) -> usize {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.trim_end_matches("/mod").split('/').count()
    }

    /// Where the tests at the end begin.
    pub fn product_end(&self) -> usize {
        self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len())
    }

    /// The places that hold `words` before `end`, not as the end of a longer word, and not in a comment.
    pub fn lines_with<'a>(&'a self, words: &'a str, end: usize) -> impl Iterator<Item = String> + 'a {
        let holds = move |line: &str| {
            let is_word = |(at, _): (usize, &str)| {
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_.".contains(before))
            };
            line.match_indices(words).any(is_word)
        };
        let is_comment = |line: &str| self.path.ends_with(".rs") && line.trim_start().starts_with("//");
        let lines = self.text[..end].lines().zip(1..);
        lines
            .filter(move |(line, _)| !is_comment(line) && holds(line))
            .map(|(_, number)| format!("{}:{number}", self.path))
    }

    /// What is named from the top of the crate, as `module::item` where the item is plain to see.
    pub fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut in_inner_module = 0;
        for (line, number) in self.text.lines().zip(1..) {
            let code = line.split("//").next().unwrap_or(line);
            if code.trim_start_matches("pub ").starts_with("mod ") && code.ends_with('{') {
                in_inner_module = 1;
            } else if code == "}" {
                in_inner_module = 0;
            }
            let from_the_top = "super::".repeat(self.depth() + in_inner_module);
            for top in ["crate::", "steadfast::", &from_the_top] {
                // Several imports in one pair of braces would hide from a reader as they would from this rule.
                found.extend(code.split(top).skip(1).map(|path| (number, two_words(path))));
            }
        }
        found
    }

    /// The functions and how many lines they have. A function ends where a brace closes at its own indentation.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        let mut begun: Option<(usize, usize)> = None;
        for (number, line) in self.text.lines().enumerate() {
            let indentation = line.len() - line.trim_start().len();
            match begun {
                None if is_function(line) && !line.ends_with([';', '}']) => {
                    begun = Some((number, indentation));
                }
                Some((first, outer)) if indentation == outer && number > first => {
                    if line.trim() == "}" {
                        found.push((format!("{}:{}", self.path, first + 1), number - first + 1));
                    }
                    if line.ends_with(['}', ';']) {
                        begun = None;
                    }
                }
                _ => {}
            }
        }
        found
    }
}

fn is_function(line: &str) -> bool {
    let mut words = line.trim_start().split(' ');
    let is_prefix = |word: &&str| {
        ["async", "const", "unsafe", "extern", "default"].contains(word) || word.starts_with("pub")
    };
    words.find(|word| !is_prefix(word)) == Some("fn")
}

/// `spec::Spec, more` → `spec::Spec`; `{spec, case}` → `{`.
fn two_words(path: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
    let end = path.find(|letter| !is_part(letter)).unwrap_or(path.len());
    let words: Vec<&str> = path[..end].split("::").filter(|word| !word.is_empty()).take(2).collect();
    if words.is_empty() { path.chars().take(1).collect() } else { words.join("::") }
}

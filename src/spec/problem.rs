//! What is wrong with a spec file, shown at its place.
//!
//! Every problem says what is wrong in plain words, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

/// Problems beyond this number are counted, not shown: nobody reads them, and one slip can cause hundreds.
const SHOWN: usize = 40;

/// One thing that is wrong with a spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Line in the file, from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 if the file as a whole is meant.
    pub column: usize,
    place: Option<Range<usize>>,
    related: Option<(Range<usize>, String)>,
}

impl Problem {
    /// A problem of the bytes `place` of the text.
    pub(super) fn at(place: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            help: None,
            line: 0,
            column: 0,
            place: Some(place.clone()),
            related: None,
        }
    }

    /// A problem of the file as a whole.
    pub(super) fn whole_file(message: impl Into<String>) -> Problem {
        Problem { place: None, ..Problem::at(&(0..0), message) }
    }

    /// Says what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// Shows a second place that has to do with it.
    pub(super) fn related(mut self, place: &Range<usize>, label: impl Into<String>) -> Problem {
        self.related = Some((place.clone(), label.into()));
        self
    }
}

/// All problems of one spec file, in the order of the file.
#[derive(Clone)]
pub struct Problems {
    file: PathBuf,
    text: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// Sorts the problems of `text`, which was read from `file`, and finds their lines.
    pub(super) fn new(file: &Path, text: &str, mut problems: Vec<Problem>) -> Problems {
        let line_starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        for problem in &mut problems {
            if let Some(place) = &mut problem.place {
                let line = line_of(&line_starts, place.start);
                *place = within_line(text, line_starts[line], place);
                problem.line = line + 1;
                problem.column = text[line_starts[line]..place.start].chars().count() + 1;
            }
            if let Some((place, _)) = &mut problem.related {
                *place = within_line(text, line_starts[line_of(&line_starts, place.start)], place);
            }
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Problems { file: file.to_owned(), text: text.to_owned(), problems }
    }

    /// The problems, in the order of the file; never empty.
    pub fn all(&self) -> &[Problem] {
        &self.problems
    }

    /// Every problem with its line, the place underlined and what to do, and at the end how many there are.
    /// `width` is that of the terminal in columns.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Unicode).term_width(width.max(40));
        let mut text = String::new();
        for problem in self.problems.iter().take(SHOWN) {
            text.push_str(&renderer.render(&[self.group(problem)]));
            text.push_str("\n\n");
        }
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        text.push_str(&format!("{count} {noun} in {}", self.file.display()));
        if count > SHOWN {
            text.push_str(&format!(", the first {SHOWN} are shown"));
        }
        text
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let title = Level::ERROR.primary_title(&problem.message);
        let path = self.file.display().to_string();
        let group = match &problem.place {
            Some(place) => title.element(self.snippet(place, problem.related.as_ref()).path(path)),
            None => title.element(Origin::path(path)),
        };
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
            None => group,
        }
    }

    /// Only the lines from the first to the last place, so that a long file costs nothing.
    fn snippet<'a>(
        &'a self,
        place: &Range<usize>,
        related: Option<&'a (Range<usize>, String)>,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let first = related.map_or(place.start, |(other, _)| other.start.min(place.start));
        let last = related.map_or(place.end, |(other, _)| other.end.max(place.end));
        let start = self.text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[last..].find('\n').map_or(self.text.len(), |length| last + length);
        let line = self.text[..start].matches('\n').count() + 1;
        let moved = |range: &Range<usize>| range.start - start..range.end - start;
        let snippet = Snippet::source(&self.text[start..end])
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(moved(place)));
        match related {
            Some((other, label)) => {
                snippet.annotation(AnnotationKind::Context.span(moved(other)).label(label.as_str()))
            }
            None => snippet,
        }
    }
}

fn line_of(line_starts: &[usize], byte: usize) -> usize {
    line_starts.partition_point(|start| *start <= byte).saturating_sub(1)
}

/// Cuts a place to its first line and to whole characters: one line is enough to find it.
fn within_line(text: &str, line_start: usize, place: &Range<usize>) -> Range<usize> {
    let floor = |byte: usize| text.floor_char_boundary(byte.min(text.len()));
    let start = floor(place.start);
    let line_end = text[line_start..].find('\n').map_or(text.len(), |length| line_start + length);
    let end = floor(place.end).min(line_end).max(start);
    let trimmed = text[start..end].trim_end().len();
    if trimmed > 0 {
        return start..start + trimmed;
    }
    start..text[start..line_end].chars().next().map_or(start, |next| start + next.len_utf8())
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false, 120))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for Problems {}

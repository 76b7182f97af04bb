//! What a statement is, as far as its first words tell.
//!
//! This is no parser of SQL: the server decides what a statement does. It is read for its kind, its table, whether it
//! writes, and what it means for the transaction. A function that writes inside a `select` is taken for a query.

use std::sync::Arc;

use super::tokens::{Token, Tokens};

/// So many pieces of a statement are looked at.
const LOOKED_AT: usize = 1_000;
/// No key word is longer.
const LONGEST_KIND: usize = 24;
/// These change something that others can see.
const WRITING: &[&str] = &[
    "insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "call", "do", "grant",
    "revoke", "comment", "refresh", "reassign", "import", "security", "notify",
];

/// These stand before the name of a table.
const BESIDE_NAMES: &[&str] = &["table", "only", "if", "not", "exists", "lateral"];

/// One statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement {
    /// `select`, `insert`, `begin`, …; of `with … insert` the verb that writes.
    pub kind: String,
    /// The first table that it names, if one can be seen.
    pub table: Option<String>,
    /// What it does to the transaction or to the session.
    pub does: Does,
    /// Its text.
    pub text: Vec<u8>,
}

/// What a statement does, for those who follow a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Does {
    /// Nothing that others could see.
    Reads,
    /// It changes something.
    Writes,
    /// It changes something, and what it writes follows in messages of its own.
    CopiesIn,
    /// A transaction begins.
    Begins,
    /// The transaction is committed; another may follow it at once.
    Commits {
        /// Whether one does.
        chain: bool,
    },
    /// The transaction is rolled back; another may follow it at once.
    RollsBack {
        /// Whether one does.
        chain: bool,
    },
    /// The transaction is put aside, to be committed by anyone later.
    PutsAside,
    /// Another statement gets a name.
    Prepares(String, Arc<Statement>),
    /// The statement of this name is executed.
    Executes(String),
    /// The statement of this name is forgotten; without a name, all are.
    Forgets(Option<String>),
}

impl Statement {
    /// The statements of a text.
    pub fn all(text: &[u8]) -> Vec<Statement> {
        let mut statements = Vec::new();
        each(text, |part| {
            statements.extend(part.statement());
            true
        });
        statements
    }

    /// The only statement of a text; several are refused by the server where this is asked.
    pub fn one(text: &[u8]) -> Statement {
        first(text, Part::statement)
    }
}

/// A part of a text that is one statement, or none.
struct Part<'a> {
    text: &'a [u8],
    /// Its first pieces, with the places where they begin in it.
    tokens: Vec<(usize, Token<'a>)>,
}

/// Gives the parts of a text to `take`, until that has had enough.
fn each<'a>(text: &'a [u8], mut take: impl FnMut(Part<'a>) -> bool) {
    let (mut begin, mut depth, mut tokens) = (0, 0_usize, Vec::new());
    for (at, token) in Tokens::of(text) {
        match token {
            Token::Sign(b';') if depth == 0 => {
                if !take(Part { text: &text[begin..at], tokens: std::mem::take(&mut tokens) }) {
                    return;
                }
                begin = at + 1;
                continue;
            }
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if tokens.len() < LOOKED_AT {
            tokens.push((at - begin, token));
        }
    }
    take(Part { text: &text[begin..], tokens });
}

/// The first statement of a text, as it is read.
fn first<'a>(text: &'a [u8], read: impl Fn(&Part<'a>) -> Option<Statement>) -> Statement {
    let mut first = None;
    each(text, |part| {
        first = read(&part);
        first.is_none()
    });
    first.unwrap_or(Statement { kind: String::new(), table: None, does: Does::Reads, text: Vec::new() })
}

impl Part<'_> {
    /// The statement, if there is more than blank space.
    fn statement(&self) -> Option<Statement> {
        let mut statement = self.plain()?;
        if statement.kind == "prepare"
            && let Some(name) = self.tokens.get(1).and_then(|(_, token)| token.name())
        {
            let body = self.tokens.iter().position(|(_, token)| token.is("as")).map(|index| index + 1);
            let body = body.and_then(|index| self.tokens.get(index)).map_or(self.text.len(), |(at, _)| *at);
            // What is prepared prepares nothing itself.
            statement.does = Does::Prepares(name, Arc::new(first(&self.text[body..], Part::plain)));
        }
        Some(statement)
    }

    /// The statement, without what stands in it as another one.
    fn plain(&self) -> Option<Statement> {
        let begin = self.tokens.iter().position(|(_, token)| *token != Token::Sign(b'('))?;
        let pieces: Vec<Token<'_>> = self.tokens[begin..].iter().map(|(_, token)| *token).collect();
        let pieces = &pieces[main_verb(&pieces).unwrap_or(0)..];
        let kind = kind(pieces);
        let (does, table) = (does(&kind, pieces), table(&kind, pieces));
        Some(Statement { kind, table, does, text: self.text.trim_ascii().to_vec() })
    }
}

/// Where the verb of `with …` stands: one that writes if there is one, at whatever depth.
fn main_verb(pieces: &[Token<'_>]) -> Option<usize> {
    pieces.first().filter(|first| first.is("with"))?;
    let find = |signs: &[u8], verbs: &[&str]| {
        let begins = |index: usize| signs.iter().any(|sign| pieces[index - 1] == Token::Sign(*sign));
        (1..pieces.len()).find(|index| begins(*index) && verbs.iter().any(|verb| pieces[*index].is(verb)))
    };
    let writes = find(b"()", &["insert", "update", "delete", "merge"]);
    writes.or_else(|| find(b")", &["select", "values", "table"]))
}

fn kind(pieces: &[Token<'_>]) -> String {
    let second = |words: &[&str]| pieces.get(1).is_some_and(|token| words.iter().any(|word| token.is(word)));
    let mut first = pieces.first().and_then(Token::name).unwrap_or_default();
    first = first.chars().take(LONGEST_KIND).collect();
    match &*first {
        "end" => "commit".to_owned(),
        "abort" => "rollback".to_owned(),
        "start" => "begin".to_owned(),
        "commit" | "rollback" if second(&["prepared"]) => format!("{first} prepared"),
        "prepare" if second(&["transaction"]) => "prepare transaction".to_owned(),
        "rollback" if pieces.iter().any(|token| token.is("to")) => "rollback to".to_owned(),
        _ => first,
    }
}

fn does(kind: &str, pieces: &[Token<'_>]) -> Does {
    let has = |word: &str| pieces.iter().any(|token| token.is(word));
    let chain = has("chain") && !has("no");
    match kind {
        "begin" => Does::Begins,
        "commit" => Does::Commits { chain },
        "rollback" => Does::RollsBack { chain },
        "prepare transaction" => Does::PutsAside,
        "commit prepared" => Does::Writes,
        "execute" => pieces.get(1).and_then(Token::name).map_or(Does::Reads, Does::Executes),
        "deallocate" => {
            let named = pieces[1..].iter().find(|token| !token.is("prepare"));
            Does::Forgets(named.filter(|token| !token.is("all")).and_then(Token::name))
        }
        "discard" if has("all") => Does::Forgets(None),
        "copy" if has("stdin") => Does::CopiesIn,
        "copy" if behind(pieces, "from").is_some() => Does::Writes,
        "select" if behind(pieces, "into").is_some() => Does::Writes,
        kind if WRITING.contains(&kind) => Does::Writes,
        _ => Does::Reads,
    }
}

/// The place behind this word, where it does not stand in parentheses.
fn behind(pieces: &[Token<'_>], word: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in pieces.iter().enumerate() {
        match token {
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') => depth = depth.saturating_sub(1),
            token if depth == 0 && token.is(word) => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn table(kind: &str, pieces: &[Token<'_>]) -> Option<String> {
    let begin = match kind {
        "insert" | "merge" => behind(pieces, "into")?,
        "select" | "delete" => behind(pieces, "from")?,
        "update" | "copy" | "truncate" | "lock" | "table" => 1,
        "create" if behind(pieces, "index").is_some() => behind(pieces, "on")?,
        "create" | "alter" | "drop" => behind(pieces, "table")?,
        _ => return None,
    };
    let is_beside = |token: &&Token<'_>| BESIDE_NAMES.iter().any(|word| token.is(word));
    let begin = begin + pieces.get(begin..)?.iter().take_while(is_beside).count();
    let mut name = pieces.get(begin)?.name()?;
    if let [Token::Sign(b'.'), last, ..] = pieces.get(begin + 1..)? {
        let last = last.name()?;
        // As row versions call it.
        name = if name == "public" { last } else { format!("{name}.{last}") };
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, table and `writes` of each statement of a text.
    fn check(text: &str, expected: &[(&str, &str, bool)]) {
        let statements = Statement::all(text.as_bytes());
        let found: Vec<(&str, &str, bool)> = statements
            .iter()
            .map(|statement| {
                let writes = matches!(statement.does, Does::Writes | Does::CopiesIn);
                (&*statement.kind, statement.table.as_deref().unwrap_or(""), writes)
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        check("", &[]);
        check(" ; ;-- nothing\n", &[]);
        check("SELECT 1", &[("select", "", false)]);
        check("select * from stock where sku = 'from other' for update", &[("select", "stock", false)]);
        check("select extract(epoch from now()), (select 1 from a) from b", &[("select", "b", false)]);
        check("select * into copy from stock", &[("select", "stock", true)]);
        check("select (select 1 into x) from a", &[("select", "a", false)]);
        check("(select 1 from a) union select 2", &[("select", "a", false)]);
        check("insert into public.orders (id) values ('a;b')", &[("insert", "orders", true)]);
        check("update only \"Audit\".entry set a = 1", &[("update", "Audit.entry", true)]);
        check("delete from stock", &[("delete", "stock", true)]);
        check("merge into stock using x on true when matched then delete", &[("merge", "stock", true)]);
        check("copy orders (id) from stdin", &[("copy", "orders", true)]);
        check("copy (select 1 from a) to stdout", &[("copy", "", false)]);
        check("create table if not exists t (id int)", &[("create", "t", true)]);
        check("create unique index i on t (id)", &[("create", "t", true)]);
        check("truncate table a, b", &[("truncate", "a", true)]);
        check("call f(1)", &[("call", "", true)]);
        check("explain insert into t values (1)", &[("explain", "", false)]);
        check("vacuum", &[("vacuum", "", false)]);
    }

    #[test]
    fn of_with_the_verb_that_writes_counts() {
        check("with a as (select 1) insert into t select * from a", &[("insert", "t", true)]);
        check("with a as (update t set x = 1 returning *) select * from a", &[("update", "t", true)]);
        check("with a as (select * from b for update) select * from c", &[("select", "c", false)]);
        check(
            "with a(x) as (select 1) select * from c where y in (select z from d)",
            &[("select", "c", false)],
        );
    }

    #[test]
    fn several_statements_are_told_apart() {
        check(
            "begin; insert into t values (';'); -- ;\ncommit; create rule r as on insert to t do (a; b)",
            &[("begin", "", false), ("insert", "t", true), ("commit", "", false), ("create", "", true)],
        );
    }

    fn check_does(text: &str, expected: Does) {
        assert_eq!(Statement::one(text.as_bytes()).does, expected, "{text}");
    }

    #[test]
    fn what_a_statement_does_to_the_transaction() {
        check_does("start transaction isolation level serializable", Does::Begins);
        check_does("end", Does::Commits { chain: false });
        check_does("commit and chain", Does::Commits { chain: true });
        check_does("commit and no chain", Does::Commits { chain: false });
        check_does("abort work", Does::RollsBack { chain: false });
        check_does("rollback to savepoint s", Does::Reads);
        check_does("release s", Does::Reads);
        check_does("prepare transaction 'x'", Does::PutsAside);
        check_does("commit prepared 'x'", Does::Writes);
    }

    #[test]
    fn what_is_nested_without_end_is_read_once() {
        let text = "prepare a as ".repeat(80_000);
        let Does::Prepares(_, inner) = Statement::one(text.as_bytes()).does else { panic!("it prepares") };
        assert_eq!((&*inner.kind, &inner.does), ("prepare", &Does::Reads));
    }

    #[test]
    fn what_a_statement_does_to_the_names_of_others() {
        check_does("execute \"Plan\" (1)", Does::Executes("Plan".to_owned()));
        check_does("deallocate prepare p", Does::Forgets(Some("p".to_owned())));
        check_does("deallocate all", Does::Forgets(None));
        check_does("discard all", Does::Forgets(None));
        let inner = Arc::new(Statement::one(b"insert into t values ($1)"));
        check_does(
            "/* x */ prepare P (text) as insert into t values ($1)",
            Does::Prepares("p".to_owned(), inner),
        );
    }
}

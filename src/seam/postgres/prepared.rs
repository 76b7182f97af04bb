//! The statements and portals that a session has names for.

use std::collections::HashMap;
use std::sync::Arc;

use super::statement::{Does, Statement};

/// So many names of each kind are remembered of a session; a statement beyond them is one of which nothing is known.
const REMEMBERED: usize = 10_000;
/// So many bytes of their texts.
const REMEMBERED_TEXT: usize = 16 << 20;

/// Names of one session.
#[derive(Debug, Default)]
pub struct Prepared {
    statements: HashMap<Vec<u8>, Arc<Statement>>,
    portals: HashMap<Vec<u8>, Portal>,
    text: usize,
}

/// A statement with its parameters.
#[derive(Debug)]
pub struct Portal {
    /// What it executes.
    pub statement: Arc<Statement>,
    /// The ids that stand in its text and its parameters.
    pub about: Vec<String>,
    /// Whether it was executed already: then it is only asked for more rows.
    pub begun: bool,
}

impl Prepared {
    /// A statement gets a name.
    pub fn keep(&mut self, name: &[u8], mut statement: Statement) {
        self.forget(name);
        if self.statements.len() >= REMEMBERED {
            return;
        }
        if self.text + statement.text.len() > REMEMBERED_TEXT {
            statement.text = Vec::new();
        }
        self.text += statement.text.len();
        self.statements.insert(name.to_vec(), Arc::new(statement));
    }

    /// The statement of this name.
    pub fn statement(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.statements.get(name)
    }

    /// The statement of this name is gone.
    pub fn forget(&mut self, name: &[u8]) {
        if let Some(statement) = self.statements.remove(name) {
            self.text -= statement.text.len();
        }
    }

    /// A portal gets a name.
    pub fn open(&mut self, name: &[u8], portal: Portal) {
        if self.portals.len() < REMEMBERED || self.portals.contains_key(name) {
            self.portals.insert(name.to_vec(), portal);
        }
    }

    /// The portal of this name.
    pub fn portal(&mut self, name: &[u8]) -> Option<&mut Portal> {
        self.portals.get_mut(name)
    }

    /// The portal of this name is gone.
    pub fn close(&mut self, name: &[u8]) {
        self.portals.remove(name);
    }

    /// A transaction has ended, and every portal with it.
    pub fn close_all(&mut self) {
        self.portals.clear();
    }

    /// What a statement does, when it is executed itself.
    pub fn execute(&mut self, statement: &Arc<Statement>) -> Arc<Statement> {
        match &statement.does {
            Does::Prepares(name, prepared) => {
                let Statement { kind, table, .. } = &**prepared;
                // Of what it does only this matters: a statement of control cannot be prepared like this.
                let does = if prepared.does == Does::Writes { Does::Writes } else { Does::Reads };
                let text = prepared.text.clone();
                self.keep(
                    name.as_bytes(),
                    Statement { kind: kind.clone(), table: table.clone(), does, text },
                );
            }
            Does::Forgets(Some(name)) => self.forget(name.as_bytes()),
            Does::Forgets(None) => {
                self.statements.clear();
                self.text = 0;
            }
            Does::Executes(name) => {
                return self.statement(name.as_bytes()).unwrap_or(statement).clone();
            }
            _ => {}
        }
        Arc::clone(statement)
    }
}

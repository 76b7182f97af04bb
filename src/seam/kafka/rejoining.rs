//! Members that must join their group again, from when that is decided until they have.

use std::collections::BTreeMap;

/// The members of one service.
#[derive(Debug, Default)]
pub struct Rejoining {
    /// By id: its group, and how far it has come.
    members: BTreeMap<String, (String, Progress)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It is not told yet.
    Untold,
    /// It was told, and has not asked to join.
    Told,
    /// It has asked to join, or is out of the group and joins under another id.
    Joining,
}

impl Rejoining {
    /// The member shall join again; it is told when it asks for something.
    pub fn ask(&mut self, group: &str, id: &str) {
        self.members.entry(id.to_owned()).or_insert((group.to_owned(), Progress::Untold));
    }

    /// The member is out of its group.
    pub fn put_out(&mut self, group: &str, id: &str) {
        self.members.insert(id.to_owned(), (group.to_owned(), Progress::Joining));
    }

    /// Whether a commit of the member is refused, which tells it. Once it knows, it may commit what it has done before it
    /// joins, as with any broker.
    pub fn refuses_commit(&mut self, id: &str) -> bool {
        self.tell(id, |progress| progress == Progress::Untold)
    }

    /// Whether its heartbeat is answered with "join again".
    pub fn refuses_heartbeat(&mut self, id: &str) -> bool {
        self.tell(id, |progress| progress != Progress::Joining)
    }

    fn tell(&mut self, id: &str, is_news: impl FnOnce(Progress) -> bool) -> bool {
        match self.members.get_mut(id) {
            Some((_, progress)) if is_news(*progress) => {
                *progress = Progress::Told;
                true
            }
            _ => false,
        }
    }

    /// A member asks to join.
    pub fn joining(&mut self, id: &str) {
        if let Some((_, progress)) = self.members.get_mut(id) {
            *progress = Progress::Joining;
        }
    }

    /// A member has joined, under a new id or under the one that it had.
    pub fn joined(&mut self, group: &str, id: &str, is_new: bool) {
        if self.members.remove(id).is_some() {
            return;
        }
        let awaited = self.members.iter().find(|(_, (of, _))| is_new && of == group);
        if let Some(id) = awaited.map(|(id, _)| id.clone()) {
            self.members.remove(&id);
        }
    }

    /// The member has left by itself, and is not awaited.
    pub fn left(&mut self, id: &str) {
        self.members.remove(id);
    }

    /// Groups that a member is awaited in.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.members.values().map(|(group, _)| group.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(rejoining: &Rejoining) -> Vec<&str> {
        rejoining.groups().collect()
    }

    #[test]
    fn a_member_is_told_until_it_joins() {
        let mut rejoining = Rejoining::default();
        assert!(!rejoining.refuses_commit("m") && !rejoining.refuses_heartbeat("m"));
        rejoining.ask("g", "m");
        assert!(!rejoining.refuses_heartbeat("other"));
        assert!(rejoining.refuses_commit("m"));
        assert!(!rejoining.refuses_commit("m"), "it commits what it has done");
        assert!(rejoining.refuses_heartbeat("m") && rejoining.refuses_heartbeat("m"));
        rejoining.joining("m");
        assert!(!rejoining.refuses_heartbeat("m") && !rejoining.refuses_commit("m"));
        assert_eq!(awaited(&rejoining), ["g"]);
        rejoining.joined("g", "m", false);
        assert!(awaited(&rejoining).is_empty());
    }

    #[test]
    fn a_member_that_was_put_out_comes_back_under_another_id() {
        let mut rejoining = Rejoining::default();
        rejoining.put_out("g", "m");
        assert!(!rejoining.refuses_commit("m") && !rejoining.refuses_heartbeat("m"), "the broker says so");
        rejoining.joined("g", "neighbour", false);
        rejoining.joined("other", "n", true);
        assert_eq!(awaited(&rejoining), ["g"]);
        rejoining.joined("g", "n", true);
        assert!(awaited(&rejoining).is_empty());
        rejoining.ask("g", "n");
        rejoining.left("n");
        assert!(awaited(&rejoining).is_empty());
    }
}

//! A part of the cases of a search, for when several machines share them.

use std::str::FromStr;

/// The `index`-th of `of` parts: disjoint, together the whole, and all of them from small cases to large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    index: u32,
    of: u32,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    /// Whether the case of this number (from 1) is in it.
    pub fn has(self, number: u32) -> bool {
        number % self.of == self.index % self.of
    }

    /// How many of the first cases are in it.
    pub fn count(self, cases: u32) -> u32 {
        let whole_turns = cases / self.of;
        whole_turns + u32::from(self.index <= cases % self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index, of }),
            _ => Err("a shard is its number and how many there are: 1/4, 2/4, 3/4, 4/4".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn shards_are_disjoint_and_together_the_whole() {
        for of in 1..=7 {
            let shards: Vec<Shard> = (1..=of).map(|index| format!("{index}/{of}").parse().unwrap()).collect();
            for number in 1..=50 {
                assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1, "{number} of {of}");
            }
            for cases in 0..=50 {
                for shard in &shards {
                    let has = (1..=cases).filter(|number| shard.has(*number)).count();
                    assert_eq!(shard.count(cases) as usize, has, "{shard:?} of {cases}");
                }
            }
        }
    }

    #[test]
    fn wrong_shards_are_refused() {
        for wrong in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}

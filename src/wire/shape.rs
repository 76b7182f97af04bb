//! Do the arrays of a message really have as many elements as they say?
//!
//! The decoders of the protocol crate reserve memory for as many elements as a message claims, before they read any.
//! A few hostile bytes can claim 200 GB, and an allocation that fails ends the process: no panic that could be caught.
//! So each message is walked along its shape first, reserving nothing.

mod requests;
mod responses;

use kafka_protocol::messages::ApiKey;

/// A part of a message, present from one version to another.
struct Part(i16, i16, Kind);

#[derive(Clone, Copy)]
enum Kind {
    /// That many bytes.
    Fixed(usize),
    /// A string, perhaps null.
    Text,
    /// Bytes, perhaps null.
    Blob,
    /// An array of values of that many bytes.
    Numbers(usize),
    /// An array of strings.
    Texts,
    /// An array of structures.
    List(&'static [Part]),
    /// One structure.
    Struct(&'static [Part]),
    /// A tagged field with this number, which stands behind all other parts of its structure.
    Tagged(usize, &'static Kind),
}

use Kind::{Blob, Fixed, List, Numbers, Struct, Tagged, Text, Texts};

const LAST: i16 = i16::MAX;
const UUID: usize = 16;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the broker.
    Request,
    /// Back to the client.
    Response,
}

/// Is there a byte for everything that the body of a message claims to hold? None: no shape is known for it.
/// `flexible` versions have compact lengths and tagged fields.
pub fn is_sound(way: Way, key: ApiKey, version: i16, flexible: bool, body: &[u8]) -> Option<bool> {
    let shape = shape(way, key).filter(|_| version <= newest(key))?;
    Some(Walk { left: body, version, flexible }.message(shape).is_some())
}

fn shape(way: Way, key: ApiKey) -> Option<&'static [Part]> {
    match way {
        Way::Request => requests::shape(key),
        Way::Response => responses::shape(key),
    }
}

/// The newest version that the shapes describe. From 13 and 10 on, topics have ids and no names.
fn newest(key: ApiKey) -> i16 {
    match key {
        ApiKey::Produce | ApiKey::Fetch | ApiKey::Metadata => 12,
        ApiKey::OffsetCommit | ApiKey::OffsetFetch | ApiKey::JoinGroup => 9,
        ApiKey::ListOffsets | ApiKey::CreateTopics => 7,
        ApiKey::FindCoordinator | ApiKey::DeleteTopics | ApiKey::DescribeGroups => 6,
        ApiKey::SyncGroup | ApiKey::LeaveGroup | ApiKey::ListGroups => 5,
        ApiKey::InitProducerId | ApiKey::TxnOffsetCommit | ApiKey::EndTxn => 5,
        ApiKey::Heartbeat | ApiKey::ApiVersions | ApiKey::DescribeConfigs => 4,
        ApiKey::CreatePartitions | ApiKey::AddPartitionsToTxn => 3,
        _ => 2,
    }
}

/// The same for what the leader of a group of consumers assigns to a member.
pub fn is_sound_assignment(body: &[u8]) -> bool {
    Walk { left: body, version: 0, flexible: false }.message(requests::TOPIC_LISTS).is_some()
}

/// A walk along the bytes. None: they end too soon.
struct Walk<'a> {
    left: &'a [u8],
    version: i16,
    flexible: bool,
}

impl Walk<'_> {
    /// Behind the last part with an array no danger lies, unless a tagged field has one.
    fn message(&mut self, parts: &[Part]) -> Option<()> {
        self.parts(parts)?;
        let has_tagged = parts.iter().any(|Part(.., kind)| matches!(kind, Tagged(..)));
        if has_tagged { self.tagged_fields(parts) } else { Some(()) }
    }

    fn parts(&mut self, parts: &[Part]) -> Option<()> {
        for Part(from, to, kind) in parts {
            if (*from..=*to).contains(&self.version) {
                self.part(*kind)?;
            }
        }
        Some(())
    }

    fn part(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Fixed(bytes) => self.skip(bytes),
            Text => {
                let length = if self.flexible { self.compact_length()? } else { self.short_length()? };
                self.skip(length)
            }
            Blob => {
                let length = self.length()?;
                self.skip(length)
            }
            Numbers(bytes) => {
                let size = self.length()?.checked_mul(bytes)?;
                self.skip(size)
            }
            Texts => {
                let count = self.length()?;
                (0..count).try_for_each(|_| self.part(Text))
            }
            List(parts) => {
                let count = self.length()?;
                (0..count).try_for_each(|_| self.part(Struct(parts)))
            }
            Struct(parts) => {
                self.parts(parts)?;
                self.tagged_fields(parts)
            }
            Tagged(..) => Some(()),
        }
    }

    fn tagged_fields(&mut self, parts: &[Part]) -> Option<()> {
        let count = if self.flexible { self.varint()? } else { 0 };
        (0..count).try_for_each(|_| {
            let tag = self.varint()?;
            let size = self.varint()?;
            let known = parts.iter().find_map(|Part(_, _, kind)| match kind {
                Tagged(number, kind) if *number == tag => Some(**kind),
                _ => None,
            });
            // The decoders look at the size of a field only if they do not know it; so does the walk.
            match known {
                Some(kind) => self.part(kind),
                None => self.skip(size),
            }
        })
    }

    /// The length of bytes or of an array; null is empty.
    fn length(&mut self) -> Option<usize> {
        if self.flexible {
            return self.compact_length();
        }
        let bytes = *self.left.first_chunk()?;
        self.skip(4)?;
        Some(usize::try_from(i32::from_be_bytes(bytes)).unwrap_or(0))
    }

    fn short_length(&mut self) -> Option<usize> {
        let bytes = *self.left.first_chunk()?;
        self.skip(2)?;
        Some(usize::try_from(i16::from_be_bytes(bytes)).unwrap_or(0))
    }

    fn compact_length(&mut self) -> Option<usize> {
        Some(self.varint()?.saturating_sub(1))
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = usize::from(*self.left.first()?);
            self.skip(1)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.get(bytes..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests;

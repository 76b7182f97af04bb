//! Do the arrays of a request really have as many elements as they say?
//!
//! The decoders of the protocol crate reserve memory for as many elements as a request claims, before they read any.
//! A few hostile bytes can claim 200 GB, and an allocation that fails ends the process: no panic that could be caught.
//! So each request is walked along its shape first, reserving nothing.

use kafka_protocol::messages::ApiKey;

/// A part of a request, present from one version to another.
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
}

use Kind::{Blob, Fixed, List, Numbers, Text, Texts};

const LAST: i16 = i16::MAX;

/// The shape of a request's body up to its last array; what follows holds no danger. Empty: there is no array at all.
fn shape(key: ApiKey) -> &'static [Part] {
    match key {
        ApiKey::Produce => &[
            Part(3, LAST, Text),
            Part(0, LAST, Fixed(6)),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(PRODUCED))])),
        ],
        ApiKey::Fetch => FETCH,
        ApiKey::ListOffsets => {
            &[Part(0, LAST, Fixed(4)), Part(2, LAST, Fixed(1)), Part(0, LAST, List(LISTED_TOPIC))]
        }
        ApiKey::Metadata => &[Part(0, LAST, List(&[Part(10, LAST, Fixed(UUID)), Part(0, LAST, Text)]))],
        ApiKey::OffsetCommit => OFFSET_COMMIT,
        ApiKey::OffsetFetch => {
            &[Part(0, 7, Text), Part(0, 7, List(TOPIC_AND_INDEXES)), Part(8, LAST, List(OFFSET_FETCH_GROUP))]
        }
        ApiKey::FindCoordinator => &[Part(0, 3, Text), Part(1, LAST, Fixed(1)), Part(4, LAST, Texts)],
        ApiKey::JoinGroup => &[
            Part(0, LAST, Text),
            Part(0, LAST, Fixed(4)),
            Part(1, LAST, Fixed(4)),
            Part(0, LAST, Text),
            Part(5, LAST, Text),
            Part(0, LAST, Text),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, Blob)])),
        ],
        ApiKey::SyncGroup => &[
            Part(0, LAST, Text),
            Part(0, LAST, Fixed(4)),
            Part(0, LAST, Text),
            Part(3, LAST, Text),
            Part(5, LAST, Text),
            Part(5, LAST, Text),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, Blob)])),
        ],
        ApiKey::LeaveGroup => &[Part(0, LAST, Text), Part(0, 2, Text), Part(3, LAST, List(LEAVING_MEMBER))],
        ApiKey::DescribeGroups | ApiKey::DeleteGroups => &[Part(0, LAST, Texts)],
        ApiKey::ListGroups => &[Part(4, LAST, Texts), Part(5, LAST, Texts)],
        ApiKey::CreateTopics => CREATE_TOPICS,
        ApiKey::DeleteTopics => {
            &[Part(6, LAST, List(&[Part(6, LAST, Text), Part(6, LAST, Fixed(UUID))])), Part(0, 5, Texts)]
        }
        ApiKey::DeleteRecords => {
            &[Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(&[Part(0, LAST, Fixed(12))]))]))]
        }
        ApiKey::DescribeConfigs => {
            &[Part(0, LAST, List(&[Part(0, LAST, Fixed(1)), Part(0, LAST, Text), Part(0, LAST, Texts)]))]
        }
        ApiKey::CreatePartitions => &[Part(0, LAST, List(CREATE_PARTITIONS))],
        _ => &[],
    }
}

const UUID: usize = 16;

const PRODUCED: &[Part] = &[Part(0, LAST, Fixed(4)), Part(0, LAST, Blob)];

const FETCH: &[Part] = &[
    Part(0, LAST, Fixed(12)),
    Part(3, LAST, Fixed(4)),
    Part(4, LAST, Fixed(1)),
    Part(7, LAST, Fixed(8)),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(
                0,
                LAST,
                List(&[
                    Part(0, LAST, Fixed(4)),
                    Part(9, LAST, Fixed(4)),
                    Part(0, LAST, Fixed(8)),
                    Part(12, LAST, Fixed(4)),
                    Part(5, LAST, Fixed(8)),
                    Part(0, LAST, Fixed(4)),
                ]),
            ),
        ]),
    ),
    Part(7, LAST, List(TOPIC_AND_INDEXES)),
];

const LISTED_TOPIC: &[Part] = &[
    Part(0, LAST, Text),
    Part(0, LAST, List(&[Part(0, LAST, Fixed(4)), Part(4, LAST, Fixed(4)), Part(0, LAST, Fixed(8))])),
];

const TOPIC_AND_INDEXES: &[Part] = &[Part(0, LAST, Text), Part(0, LAST, Numbers(4))];

const OFFSET_COMMIT: &[Part] = &[
    Part(0, LAST, Text),
    Part(1, LAST, Fixed(4)),
    Part(1, LAST, Text),
    Part(7, LAST, Text),
    Part(2, 4, Fixed(8)),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(0, LAST, List(&[Part(0, LAST, Fixed(12)), Part(6, LAST, Fixed(4)), Part(0, LAST, Text)])),
        ]),
    ),
];

const OFFSET_FETCH_GROUP: &[Part] = &[
    Part(8, LAST, Text),
    Part(9, LAST, Text),
    Part(9, LAST, Fixed(4)),
    Part(8, LAST, List(TOPIC_AND_INDEXES)),
];

const LEAVING_MEMBER: &[Part] = &[Part(3, LAST, Text), Part(3, LAST, Text), Part(5, LAST, Text)];

const CREATE_TOPICS: &[Part] = &[Part(
    0,
    LAST,
    List(&[
        Part(0, LAST, Text),
        Part(0, LAST, Fixed(6)),
        Part(0, LAST, List(&[Part(0, LAST, Fixed(4)), Part(0, LAST, Numbers(4))])),
        Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, Text)])),
    ]),
)];

const CREATE_PARTITIONS: &[Part] =
    &[Part(0, LAST, Text), Part(0, LAST, Fixed(4)), Part(0, LAST, List(&[Part(0, LAST, Numbers(4))]))];

/// Is there a byte for everything that the body of a request claims to hold? `flexible` versions have compact
/// lengths and tagged fields.
pub fn is_sound(key: ApiKey, version: i16, flexible: bool, body: &[u8]) -> bool {
    Walk { left: body, version, flexible }.parts(shape(key)).is_some()
}

/// A walk along the bytes. None: they end too soon.
struct Walk<'a> {
    left: &'a [u8],
    version: i16,
    flexible: bool,
}

impl Walk<'_> {
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
                (0..count).try_for_each(|_| {
                    self.parts(parts)?;
                    self.tagged_fields()
                })
            }
        }
    }

    fn tagged_fields(&mut self) -> Option<()> {
        let count = if self.flexible { self.varint()? } else { 0 };
        (0..count).try_for_each(|_| {
            self.varint()?;
            let size = self.varint()?;
            self.skip(size)
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

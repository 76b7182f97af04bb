//! The shapes of responses, those that the seam and its client read.

use kafka_protocol::messages::ApiKey;

use super::Kind::{Blob, Fixed, List, Numbers, Struct, Tagged, Text};
use super::{LAST, Part, UUID};

/// The shape of a response's body up to its last array; what follows holds no danger. Empty: there is no array at all.
/// None: nobody here reads such a response.
pub fn shape(key: ApiKey) -> Option<&'static [Part]> {
    let parts: &'static [Part] = match key {
        ApiKey::ApiVersions => API_VERSIONS,
        ApiKey::Metadata => METADATA,
        ApiKey::FindCoordinator => FIND_COORDINATOR,
        ApiKey::Produce => PRODUCE,
        ApiKey::Fetch => FETCH,
        ApiKey::ListOffsets => LIST_OFFSETS,
        ApiKey::OffsetCommit => &[
            Part(3, LAST, Fixed(4)),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(&[Part(0, LAST, Fixed(6))]))])),
        ],
        ApiKey::OffsetFetch => &[
            Part(3, LAST, Fixed(4)),
            Part(0, 7, List(FETCHED_OFFSETS)),
            Part(2, 7, Fixed(2)),
            Part(
                8,
                LAST,
                List(&[Part(0, LAST, Text), Part(0, LAST, List(FETCHED_OFFSETS)), Part(0, LAST, Fixed(2))]),
            ),
        ],
        ApiKey::AddPartitionsToTxn | ApiKey::TxnOffsetCommit => &[
            Part(0, LAST, Fixed(4)),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(&[Part(0, LAST, Fixed(6))]))])),
        ],
        ApiKey::JoinGroup => JOIN_GROUP,
        ApiKey::LeaveGroup => &[
            Part(1, LAST, Fixed(4)),
            Part(0, LAST, Fixed(2)),
            Part(3, LAST, List(&[Part(3, LAST, Text), Part(3, LAST, Text), Part(3, LAST, Fixed(2))])),
        ],
        ApiKey::CreateTopics => CREATE_TOPICS,
        ApiKey::DeleteTopics => &[
            Part(1, LAST, Fixed(4)),
            Part(
                0,
                LAST,
                List(&[
                    Part(0, LAST, Text),
                    Part(6, LAST, Fixed(UUID)),
                    Part(0, LAST, Fixed(2)),
                    Part(5, LAST, Text),
                ]),
            ),
        ],
        ApiKey::DeleteRecords => &[
            Part(0, LAST, Fixed(4)),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(&[Part(0, LAST, Fixed(14))]))])),
        ],
        ApiKey::OffsetDelete => &[
            Part(0, LAST, Fixed(6)),
            Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(&[Part(0, LAST, Fixed(6))]))])),
        ],
        ApiKey::ListGroups => &[
            Part(1, LAST, Fixed(4)),
            Part(0, LAST, Fixed(2)),
            Part(
                0,
                LAST,
                List(&[Part(0, LAST, Text), Part(0, LAST, Text), Part(4, LAST, Text), Part(5, LAST, Text)]),
            ),
        ],
        ApiKey::DeleteGroups => {
            &[Part(0, LAST, Fixed(4)), Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, Fixed(2))]))]
        }
        ApiKey::DescribeGroups => &[Part(1, LAST, Fixed(4)), Part(0, LAST, List(DESCRIBED_GROUP))],
        ApiKey::SyncGroup | ApiKey::Heartbeat | ApiKey::InitProducerId | ApiKey::EndTxn => &[],
        _ => return None,
    };
    Some(parts)
}

/// A topic, and for each partition its offset, the epoch of its leader, what the committer said, and an error.
const FETCHED_OFFSETS: &[Part] = &[
    Part(0, LAST, Text),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Fixed(12)),
            Part(5, LAST, Fixed(4)),
            Part(0, LAST, Text),
            Part(0, LAST, Fixed(2)),
        ]),
    ),
];

/// Error and its message, group, state, two texts on its protocol, members; then what is allowed.
const DESCRIBED_GROUP: &[Part] = &[
    Part(0, LAST, Fixed(2)),
    Part(6, LAST, Text),
    Part(0, LAST, Text),
    Part(0, LAST, Text),
    Part(0, LAST, Text),
    Part(0, LAST, Text),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(4, LAST, Text),
            Part(0, LAST, Text),
            Part(0, LAST, Text),
            Part(0, LAST, Blob),
            Part(0, LAST, Blob),
        ]),
    ),
    Part(3, LAST, Fixed(4)),
];

const API_VERSIONS: &[Part] = &[
    Part(0, LAST, Fixed(2)),
    Part(0, LAST, List(&[Part(0, LAST, Fixed(6))])),
    Part(1, LAST, Fixed(4)),
    Part(3, LAST, Tagged(0, &List(FEATURE))),
    Part(3, LAST, Tagged(1, &Fixed(8))),
    Part(3, LAST, Tagged(2, &List(FEATURE))),
    Part(3, LAST, Tagged(3, &Fixed(1))),
];

const FEATURE: &[Part] = &[Part(3, LAST, Text), Part(3, LAST, Fixed(4))];

const METADATA: &[Part] = &[
    Part(3, LAST, Fixed(4)),
    Part(
        0,
        LAST,
        List(&[Part(0, LAST, Fixed(4)), Part(0, LAST, Text), Part(0, LAST, Fixed(4)), Part(1, LAST, Text)]),
    ),
    Part(2, LAST, Text),
    Part(1, LAST, Fixed(4)),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Fixed(2)),
            Part(0, LAST, Text),
            Part(10, LAST, Fixed(UUID)),
            Part(1, LAST, Fixed(1)),
            Part(0, LAST, List(DESCRIBED_PARTITION)),
            Part(8, LAST, Fixed(4)),
        ]),
    ),
];

const DESCRIBED_PARTITION: &[Part] = &[
    Part(0, LAST, Fixed(10)),
    Part(7, LAST, Fixed(4)),
    Part(0, LAST, Numbers(4)),
    Part(0, LAST, Numbers(4)),
    Part(5, LAST, Numbers(4)),
];

const FIND_COORDINATOR: &[Part] = &[
    Part(1, LAST, Fixed(4)),
    Part(0, 3, Fixed(2)),
    Part(1, 3, Text),
    Part(0, 3, Fixed(4)),
    Part(0, 3, Text),
    Part(0, 3, Fixed(4)),
    Part(
        4,
        LAST,
        List(&[
            Part(4, LAST, Text),
            Part(4, LAST, Fixed(4)),
            Part(4, LAST, Text),
            Part(4, LAST, Fixed(6)),
            Part(4, LAST, Text),
        ]),
    ),
];

const PRODUCE: &[Part] = &[
    Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(PRODUCED_PARTITION))])),
    Part(1, LAST, Fixed(4)),
    Part(10, LAST, Tagged(0, &List(NODE))),
];

const PRODUCED_PARTITION: &[Part] = &[
    Part(0, LAST, Fixed(14)),
    Part(2, LAST, Fixed(8)),
    Part(5, LAST, Fixed(8)),
    Part(8, LAST, List(&[Part(8, LAST, Fixed(4)), Part(8, LAST, Text)])),
    Part(8, LAST, Text),
    Part(10, LAST, Tagged(0, &Struct(LEADER))),
];

const LEADER: &[Part] = &[Part(0, LAST, Fixed(8))];

const NODE: &[Part] =
    &[Part(0, LAST, Fixed(4)), Part(0, LAST, Text), Part(0, LAST, Fixed(4)), Part(0, LAST, Text)];

const FETCH: &[Part] = &[
    Part(1, LAST, Fixed(4)),
    Part(7, LAST, Fixed(6)),
    Part(0, LAST, List(&[Part(0, LAST, Text), Part(0, LAST, List(FETCHED_PARTITION))])),
];

const FETCHED_PARTITION: &[Part] = &[
    Part(0, LAST, Fixed(14)),
    Part(4, LAST, Fixed(8)),
    Part(5, LAST, Fixed(8)),
    Part(4, LAST, List(&[Part(4, LAST, Fixed(16))])),
    Part(11, LAST, Fixed(4)),
    Part(0, LAST, Blob),
    Part(12, LAST, Tagged(0, &Struct(&[Part(12, LAST, Fixed(12))]))),
    Part(12, LAST, Tagged(1, &Struct(LEADER))),
    Part(12, LAST, Tagged(2, &Struct(&[Part(12, LAST, Fixed(12))]))),
];

const LIST_OFFSETS: &[Part] = &[
    Part(2, LAST, Fixed(4)),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(
                0,
                LAST,
                List(&[
                    Part(0, LAST, Fixed(6)),
                    Part(0, 0, Numbers(8)),
                    Part(1, LAST, Fixed(16)),
                    Part(4, LAST, Fixed(4)),
                ]),
            ),
        ]),
    ),
];

const JOIN_GROUP: &[Part] = &[
    Part(2, LAST, Fixed(4)),
    Part(0, LAST, Fixed(6)),
    Part(7, LAST, Text),
    Part(0, LAST, Text),
    Part(0, LAST, Text),
    Part(9, LAST, Fixed(1)),
    Part(0, LAST, Text),
    Part(0, LAST, List(&[Part(0, LAST, Text), Part(5, LAST, Text), Part(0, LAST, Blob)])),
];

const CREATE_TOPICS: &[Part] = &[
    Part(2, LAST, Fixed(4)),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(7, LAST, Fixed(UUID)),
            Part(0, LAST, Fixed(2)),
            Part(1, LAST, Text),
            Part(5, LAST, Fixed(6)),
            Part(5, LAST, List(&[Part(5, LAST, Text), Part(5, LAST, Text), Part(5, LAST, Fixed(3))])),
            Part(5, LAST, Tagged(0, &Fixed(2))),
        ]),
    ),
];

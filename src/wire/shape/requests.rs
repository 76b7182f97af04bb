//! The shapes of requests.

use kafka_protocol::messages::ApiKey;

use super::Kind::{Blob, Fixed, List, Numbers, Text, Texts};
use super::{LAST, Part, UUID};

/// The shape of a request's body up to its last array; what follows holds no danger. Empty: there is no array at all.
/// None: nobody here reads such a request.
pub fn shape(key: ApiKey) -> Option<&'static [Part]> {
    let parts: &'static [Part] = match key {
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
        ApiKey::AddPartitionsToTxn => {
            &[Part(0, LAST, Text), Part(0, LAST, Fixed(10)), Part(0, LAST, List(TOPIC_AND_INDEXES))]
        }
        ApiKey::TxnOffsetCommit => TXN_OFFSET_COMMIT,
        ApiKey::Heartbeat | ApiKey::ApiVersions | ApiKey::InitProducerId | ApiKey::EndTxn => &[],
        _ => return None,
    };
    Some(parts)
}

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

const TXN_OFFSET_COMMIT: &[Part] = &[
    Part(0, LAST, Text),
    Part(0, LAST, Text),
    Part(0, LAST, Fixed(10)),
    Part(3, LAST, Fixed(4)),
    Part(3, LAST, Text),
    Part(3, LAST, Text),
    Part(
        0,
        LAST,
        List(&[
            Part(0, LAST, Text),
            Part(0, LAST, List(&[Part(0, LAST, Fixed(12)), Part(2, LAST, Fixed(4)), Part(0, LAST, Text)])),
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

/// What a member of a group of consumers is assigned.
pub const TOPIC_LISTS: &[Part] = &[Part(0, LAST, List(TOPIC_AND_INDEXES))];

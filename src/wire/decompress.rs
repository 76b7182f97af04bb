//! Records as they were before they were compressed, and no more of them than anyone means to send.
//!
//! A few kilobytes can stand for gigabytes. `kafka-protocol` unpacks them all, so it is not asked to.

use std::io::Read;

use bytes::Bytes;

use super::{Malformed, guarded};

/// The largest batch that is unpacked. Kafka takes batches of 1 MiB (`message.max.bytes`), compressed.
pub const LARGEST_BATCH: usize = 64 << 20;

/// How snappy is framed by the clients of Kafka; others send it bare.
const SNAPPY_FRAMES: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// The records of a batch, which were compressed with this codec; at most `most` bytes of them.
///
/// # Errors
/// They are no such records, or more than that.
pub fn decompress(codec: i16, records: &Bytes, most: usize) -> Result<Bytes, Malformed> {
    let compressed = &records[..];
    match codec {
        0 => Ok(records.clone()),
        1 => read_all(|| Ok(flate2::bufread::GzDecoder::new(compressed)), most),
        2 => guarded(|| unsnap(compressed, most)),
        3 => read_all(|| lz4::Decoder::new(compressed), most),
        4 => read_all(|| zstd::stream::read::Decoder::with_buffer(compressed), most),
        codec => Err(Malformed::new(format!("records compressed with codec {codec}"))),
    }
}

fn read_all<R: Read>(reader: impl FnOnce() -> std::io::Result<R>, most: usize) -> Result<Bytes, Malformed> {
    let read = || {
        let (mut records, one_more) = (Vec::new(), u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1));
        reader()?.take(one_more).read_to_end(&mut records).map(|_| records)
    };
    let records = guarded(read)?;
    if records.len() > most { Err(too_many(most)) } else { Ok(records.into()) }
}

fn unsnap(compressed: &[u8], most: usize) -> Result<Bytes, Malformed> {
    let Some(mut frames) = compressed.strip_prefix(SNAPPY_FRAMES) else {
        return unsnap_one(compressed, most, 0).map(Bytes::from);
    };
    let mut records = Vec::new();
    while !frames.is_empty() {
        let (length, rest) = frames.split_first_chunk().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut_off())?;
        let (frame, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
        records.extend(unsnap_one(frame, most, records.len())?);
        frames = rest;
    }
    Ok(records.into())
}

/// One frame of `most` bytes in all, `before` of which were there already.
fn unsnap_one(frame: &[u8], most: usize, before: usize) -> Result<Vec<u8>, Malformed> {
    let wrong = |error: snap::Error| Malformed::new(error.to_string());
    // Stands at its head, and is what will be reserved for it.
    if snap::raw::decompress_len(frame).map_err(wrong)? > most - before {
        return Err(too_many(most));
    }
    snap::raw::Decoder::new().decompress_vec(frame).map_err(wrong)
}

fn too_many(most: usize) -> Malformed {
    Malformed::new(format!("records of more than {most} bytes"))
}

fn cut_off() -> Malformed {
    Malformed::new("snappy that is cut off")
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy, Zstd};

    use super::*;

    fn compressed(codec: i16, plain: &[u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        let fill = |to: &mut BytesMut| {
            to.put_slice(plain);
            Ok(())
        };
        match codec {
            1 => Gzip::compress(&mut bytes, fill),
            2 => Snappy::compress(&mut bytes, fill),
            3 => Lz4::compress(&mut bytes, fill),
            _ => Zstd::compress(&mut bytes, fill),
        }
        .unwrap();
        bytes.freeze()
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        for codec in 1..=4 {
            assert_eq!(decompress(codec, &compressed(codec, &plain), plain.len()).unwrap(), plain, "{codec}");
            assert_eq!(decompress(codec, &compressed(codec, b"k"), 1).unwrap(), &b"k"[..], "{codec}");
        }
        let bare = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert_eq!(decompress(2, &bare.into(), plain.len()).unwrap(), plain);
        assert_eq!(decompress(0, &Bytes::from_static(b"as it is"), 1).unwrap(), &b"as it is"[..]);
    }

    #[test]
    fn no_more_is_unpacked_than_is_allowed() {
        let plain = vec![0; 1 << 20];
        for codec in 1..=4 {
            let bomb = compressed(codec, &plain);
            assert!(bomb.len() < plain.len() / 20, "{codec}: {}", bomb.len());
            let refused = decompress(codec, &bomb, plain.len() - 1).unwrap_err();
            assert_eq!(refused.to_string(), "records of more than 1048575 bytes", "{codec}");
        }
        // Two gigabytes that a bare snappy only claims to be.
        assert!(decompress(2, &Bytes::from_static(b"\xff\xff\xff\xff\x07"), LARGEST_BATCH).is_err());
    }

    #[test]
    fn what_is_no_such_thing_is_an_error() {
        for codec in 1..=5 {
            for bytes in [&b"garbage that nobody compressed"[..], &SNAPPY_FRAMES[..9]] {
                let unpacked = decompress(codec, &Bytes::from_static(bytes), LARGEST_BATCH);
                assert!(unpacked.is_err(), "{codec}: {bytes:?} {unpacked:?}");
            }
        }
        for codec in 1..=4 {
            let whole = compressed(codec, &[7; 1_000]);
            let cut = whole.slice(..whole.len() / 2);
            // Of what is cut off, LZ4 gives what is there.
            let unpacked = decompress(codec, &cut, LARGEST_BATCH).unwrap_or_default();
            assert!(unpacked.len() < 1_000, "{codec}");
        }
    }
}

//! The link's borrowed bodies against the generated structs.
#![no_main]

use gossiperl_idl::acknowledgement::{Acknowledgement, MAX_ACKNOWLEDGEMENT};
use gossiperl_idl::fragment::Fragment;
use gossiperl_idl::run::{MAX_RUN, read_run, write_run};
use gossiperl_idl::{codec, generated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    run(body);
    acknowledgement(body);
    fragment(body);
});

fn run(body: &[u8]) {
    let reference = codec::decode_compact::<generated::Run>(body);
    let Ok(first) = read_run(body) else {
        if let Ok(reference) = reference {
            assert!(reference.first <= 0 || !is_canonical(&reference, body), "{reference:?}");
        }
        return;
    };
    assert_eq!(reference.expect("a run").first, first as i64);
    let mut written = Vec::new();
    write_run(first, &mut written);
    assert!(written.len() <= MAX_RUN);
    assert_eq!(read_run(&written), Ok(first));
}

fn acknowledgement(body: &[u8]) {
    let Ok(read) = Acknowledgement::read(body) else { return };
    let reference = codec::decode_compact::<generated::Acknowledgement>(body).expect("an acknowledgement");
    assert_eq!(reference.cumulative, read.cumulative as i64);
    assert_eq!(reference.window, read.window as i32);
    assert_eq!(reference.delay_us, read.delay_us as i32);
    assert_eq!(reference.rewind.unwrap_or(false), read.rewind);
    let mut last = read.cumulative + 1;
    let numbers = reference.ranges.unwrap_or_default();
    assert_eq!(read.ranges.len(), (numbers.len() / 2).min(32));
    for (range, pair) in read.ranges.as_slice().iter().zip(numbers.chunks_exact(2)) {
        assert_eq!(range.start, last + pair[0] as u64);
        assert_eq!(range.end, range.start + pair[1] as u64);
        assert!(range.start > last && range.start < range.end);
        last = range.end;
    }
    let mut written = Vec::new();
    read.write(&mut written);
    assert!(written.len() <= MAX_ACKNOWLEDGEMENT);
    assert_eq!(Acknowledgement::read(&written), Ok(read));
}

fn fragment(body: &[u8]) {
    let Ok(read) = Fragment::read(body) else { return };
    let reference = codec::decode_compact::<generated::Fragment>(body).expect("a fragment");
    assert_eq!(reference.kind, read.kind as i8);
    assert_eq!((reference.total, reference.offset), (read.total as i32, read.offset as i32));
    assert_eq!(reference.part, read.part);
    let mut written = Vec::new();
    read.write(&mut written);
    assert_eq!(Fragment::read(&written), Ok(read));
    let mut by_reference = Vec::new();
    codec::encode_compact(&reference, &mut by_reference);
    assert_eq!(written, by_reference);
}

fn is_canonical(run: &generated::Run, body: &[u8]) -> bool {
    let mut written = Vec::new();
    codec::encode_compact(run, &mut written);
    written == body
}

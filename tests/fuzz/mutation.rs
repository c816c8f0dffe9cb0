//! Changes of inputs at random, the same for the same seed.

/// What makes sense somewhere in an input, or nearly.
#[rustfmt::skip]
const TOKENS: &[&[u8]] = &[
    b"::", b":: ", b" = ", b"=", b":", b",", b" ", b"\t", b"\n", b"\r\n", b"\n\n", b"\0", b"\x7f",
    b"\"", b"\\", b"\\\"", b"\\u0000", b"\\ud800", b"\\n", b"\xff", b"\xc3",
    "ü\u{2028}".as_bytes(),
    b"[", b"]", b"{", b"}", b"[]", b"{}", b"{\"a\":", b"[[[[[[[[[[[[[[[[", b"]]]]]]]]]]]]]]]]",
    b"0", b"-1", b"1.5", b"1e999", b"1e300", b"18446744073709551615", b"18446744073709551616",
    b"00000000000000000000000000000001", b"null", b"true", b"\"id\":7", b"\"id\":8", b",\"id\":7}",
    b"\"result\":", b"\"error\":", b"\"code\":-32601", b"\"message\":\"x\"", b"200 OK\n",
    b"404 x\n", b"500 Internal error", b"core:", b"pkmem:12-used_size", b"load:", b"rcv_requests",
    b"all", b"&", b"%", b"?", b"/", b"http://", b"GET ", b"HEAD ", b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n", b"Host: x\r\n", b"Content-Length: 1\r\n", b"Connection: close\r\n",
    b"\r\n\r\n",
];

/// The most bytes of an input.
const LONGEST: usize = 10_000;

/// Numbers without an order that anybody sees (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }

    /// A part of something with that length, more often a short one.
    fn span(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 {
            length
        } else {
            length.min(20)
        };
        start..(start + self.below(most + 1)).min(length)
    }
}

/// One of `inputs`, changed a few times.
pub fn change(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.one_of(inputs).clone();
    for _ in 0..=random.below(6) {
        change_once(&mut input, inputs, random);
        // A part of it may be there 200 times, and 200 times that in the next change.
        input.truncate(LONGEST);
    }
    input
}

fn change_once(input: &mut Vec<u8>, inputs: &[Vec<u8>], random: &mut Random) {
    let span = random.span(input.len());
    match random.below(8) {
        0 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        1 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = random.next() as u8;
        }
        2 => drop(input.drain(span)),
        3 => {
            let other = random.one_of(inputs);
            let part = other[random.span(other.len())].to_vec();
            input.splice(span, part);
        }
        // Again and again, so that it is deep or long.
        4 => {
            let part = input[span.clone()].to_vec();
            let times = [1, 2, 200][random.below(3)];
            input.splice(span.end..span.end, part.repeat(times));
        }
        5 => {
            let part = random.one_of(TOKENS).repeat([1, 1, 100][random.below(3)]);
            input.splice(span.start..span.start, part);
        }
        6 => input.truncate(span.start),
        _ => {
            let part = random.one_of(TOKENS).to_vec();
            input.splice(span, part);
        }
    }
}

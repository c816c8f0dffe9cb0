//! The user and the password that `mi_http` asks for. Nothing prints them.

use std::fmt;

use percent_encoding::percent_decode;

/// A user with a colon and a password behind, or one of them, or nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login(Vec<u8>);

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

impl Login {
    /// What stands in a URL before the `@`.
    pub fn of_url(text: &str) -> Self {
        Login(percent_decode(text.as_bytes()).collect())
    }

    /// What is in a file, whose line end does not count.
    pub fn of_file(content: &[u8]) -> Self {
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        Login(content.strip_suffix(b"\r").unwrap_or(content).to_vec())
    }

    /// The same with the password that is in a file, unless it has one. Without a user the file
    /// holds that as well.
    fn with(&self, file: &Login) -> Vec<u8> {
        match self.0.as_slice() {
            [] => file.0.clone(),
            user if user.contains(&b':') => user.to_vec(),
            user => [user, b":", &file.0].concat(),
        }
    }

    /// The header line for it (RFC 7617), completed by what is in a `file`. Empty if there is
    /// nothing to say.
    pub fn header(&self, file: &Login) -> String {
        match self.with(file).as_slice() {
            [] => String::new(),
            login => format!("Authorization: Basic {}\r\n", base64(login)),
        }
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |index: usize| DIGITS.get(bits as usize >> (18 - 6 * index) & 63).copied();
        let length = chunk.len();
        [0, 1, 2, 3].map(|index| digit(index).filter(|_| index <= length).unwrap_or(b'='))
    };
    bytes.chunks(3).flat_map(digits).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_encoded() {
        for (url, file, expected) in [
            ("", "", ""),
            ("Aladdin:open%20sesame", "", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("Aladdin:open%20sesame", "other", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("Aladdin", "open sesame\n", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("", "Aladdin:open sesame\r\n", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("", "a:b \n", "YTpiIA=="),
            ("a", "", "YTo="),
            ("a:b", "", "YTpi"),
            ("%C3%BC:%ff%fe", "", "w7w6//4="),
        ] {
            let header = Login::of_url(url).header(&Login::of_file(file.as_bytes()));
            let line = format!("Authorization: Basic {expected}\r\n");
            assert_eq!(header, if expected.is_empty() { "" } else { &line });
        }
        assert_eq!(format!("{:?}", Login::of_url("a:b")), "...");
    }
}

//! Paths and queries in the one spelling that lines and requests are compared in.
//!
//! A server takes `/%67allery`, `//gallery` and `/a/../gallery` for `/gallery`, and so does the filter.

/// The one spelling of a path with its query (RFC 3986 section 6.2.2, and two steps more):
///
/// 1. percent-encoded letters, digits, `-`, `.`, `_` and `~` are decoded; everything else that is encoded stays
///    so, a slash too; a `%` that begins no code is written `%25`, and characters outside ASCII as the codes of
///    their UTF-8 (RFC 3987 section 3.1);
/// 2. ASCII letters are in lower case, those of codes too: servers that tell `/A` from `/a` are rare, and lists
///    do not;
/// 3. in the path, before the first `?`, slashes that follow each other are one, then `.` and `..` segments are
///    resolved.
///
/// It begins with a slash, is ASCII, and is its own normal form.
pub(crate) fn normalise(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let mut normal = resolve_segments(&decode(path));
    if let Some(query) = query {
        normal.push('?');
        normal.push_str(&decode(query));
    }
    normal
}

/// Steps 1 and 2.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, read_code(after)) {
            (b'%', Some((code, after))) => {
                rest = after;
                if is_unreserved(code) { push_lower(&mut decoded, code) } else { encode(&mut decoded, code) }
            }
            (b'%', None) => encode(&mut decoded, b'%'),
            (byte, _) if byte.is_ascii() => push_lower(&mut decoded, *byte),
            (byte, _) => encode(&mut decoded, *byte),
        }
    }
    decoded
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn read_code(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let ([high, low], rest) = text.split_first_chunk()?;
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_lower(text: &mut String, ascii: u8) {
    text.push(char::from(ascii.to_ascii_lowercase()));
}

fn encode(text: &mut String, byte: u8) {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    text.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
}

/// Step 3 (RFC 3986 section 5.2.4).
fn resolve_segments(path: &str) -> String {
    let mut resolved = String::with_capacity(path.len() + 1);
    let mut is_folder = true;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => resolved.truncate(resolved.rfind('/').unwrap_or_default()),
            _ => resolved.extend(["/", segment]),
        }
    }
    if is_folder || path.ends_with('/') {
        resolved.push('/');
    }
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_page_are_one() {
        let check = |spellings: &[&str], expected: &str| {
            spellings.iter().for_each(|spelling| assert_eq!(normalise(spelling), expected, "{spelling}"));
        };
        check(
            &[
                "/gallery",
                "gallery",
                "/GALLERY",
                "/%67allery",
                "/%47aller%79",
                "//gallery",
                "/./gallery",
                "/a/../gallery",
                "/../gallery",
                "/%2e/gallery",
                "/a/%2E%2e/gallery",
                "/a//../gallery",
                "/.//gallery",
            ],
            "/gallery",
        );
        check(&["", "/", "//", "/.", "/..", "/a/..", "/a/b/../..", "/%2e%2E/", "."], "/");
        check(&["/a/", "/a//", "/a/.", "/a/./", "/a/b/..", "/a/b/../"], "/a/");
        check(&["/...", "/%2e.%2e"], "/...");
        check(&["/a%2Fb", "/a%2fb"], "/a%2fb");
        check(&["/~a-b_c.d", "/%7Ea%2Db%5fc%2ed"], "/~a-b_c.d");
        check(&["/é", "/%C3%A9", "/%c3%a9"], "/%c3%a9");
        check(&["/100%", "/100%25"], "/100%25");
    }

    #[test]
    fn other_pages_are_others() {
        let check = |path: &str, expected: &str| assert_eq!(normalise(path), expected, "{path}");
        check("/%2567", "/%2567");
        check("/%%36%37", "/%2567");
        check("/100%zz", "/100%25zz");
        check("/a;b=c:d@e", "/a;b=c:d@e");
        check("/%3f%23%00", "/%3f%23%00");
        check("?B=%43", "/?b=c");
        check("/a/../b?c/../d//e/./%2e", "/b?c/../d//e/./.");
        check("/a?b?c", "/a?b?c");
        check("/http://other.example/", "/http:/other.example/");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(path in vec("[a-cA-C./?%]|%[0-9a-fA-F]{2}|\\PC", 0..12)) {
            let normal = normalise(&path.concat());
            prop_assert!(normal.starts_with('/') && normal.is_ascii(), "{}", normal);
            prop_assert_eq!(normalise(&normal), normal);
        }
    }
}

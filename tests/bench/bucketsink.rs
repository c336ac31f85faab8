//! The part of S3 that reading a site needs: signed ListObjectsV2, GetObject and HeadObject of buckets that are made of rules.
//!
//! A file describes the buckets, a line for each: NAME COUNT SIZE PARTS, then COUNT lines with the MD5 of each object, or none at all
//! where PARTS is not 0.  Object N of a bucket is "PATIENT/Images/series/NNNN.dcm", fifty to a patient.  Its bytes are the bytes of the
//! content file over and over, the first eight being N, the most significant byte first.  The ETag is the MD5, or "…-PARTS" as that of an object which was
//! uploaded in parts.  Each request must have a signature of version 4 that fits the secret; there is no other check of who asks.
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, OnceLock};

pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const PAGE: usize = 1000;
const A_PATIENT: usize = 50;

struct Bucket { keys: Vec<(String, u32)>, sums: Vec<String>, size: u64, parts: u32 }
pub struct Buckets { known: HashMap<String, Bucket>, content: Vec<u8>, signing: Mutex<HashMap<String, [u8; 32]>> }

pub struct Asked<'a> { pub method: &'a str, pub target: &'a str, pub headers: &'a [(String, String)], pub number: u64 }

impl Buckets {
    pub fn none() -> Buckets { Buckets { known: HashMap::new(), content: Vec::new(), signing: Mutex::new(HashMap::new()) } }

    pub fn read(description: &str, content: &str) -> std::io::Result<Buckets> {
        let text = std::fs::read_to_string(description)?;
        let mut lines = text.lines();
        let mut all = Buckets { content: std::fs::read(content)?, ..Buckets::none() };
        while let Some(line) = lines.next() {
            let fields: Vec<&str> = line.split(' ').collect();
            let (count, parts): (usize, u32) = (fields[1].parse().unwrap(), fields[3].parse().unwrap());
            let sums = if parts == 0 { (0..count).map(|_| lines.next().unwrap().to_string()).collect() } else { Vec::new() };
            let mut keys: Vec<(String, u32)> = (0..count)
                .map(|n| (format!("{}/Images/series/{:04}.dcm", 1_000_000 + n / A_PATIENT, n % A_PATIENT), n as u32))
                .collect();
            keys.sort();
            all.known.insert(fields[0].to_string(), Bucket { keys, sums, size: fields[2].parse().unwrap(), parts });
        }
        Ok(all)
    }

    pub fn is_empty(&self) -> bool { self.known.is_empty() }

    /// False if the address is not one of a bucket; nothing was written then.
    pub fn answer(&self, out: &mut TcpStream, asked: &Asked) -> std::io::Result<bool> {
        let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        let path = super::unescape(path);
        let (name, key) = path[1.min(path.len())..].split_once('/').unwrap_or((&path[1.min(path.len())..], ""));
        let Some(bucket) = self.known.get(name) else { return Ok(false) };
        if let Err(code) = self.check(asked) {
            refuse(out, asked, "403 Forbidden", code)?;
        } else if key.is_empty() {
            page(bucket, out, asked, query)?;
        } else {
            self.object(bucket, out, asked, key)?;
        }
        Ok(true)
    }

    fn object(&self, bucket: &Bucket, out: &mut TcpStream, asked: &Asked, key: &str) -> std::io::Result<()> {
        let Ok(at) = bucket.keys.binary_search_by(|one| one.0.as_str().cmp(key)) else { return refuse(out, asked, "404 Not Found", "NoSuchKey") };
        let (number, etag) = (bucket.keys[at].1, etag(bucket, bucket.keys[at].1));
        if header(asked, "if-match").is_some_and(|given| given.trim_matches('"') != etag) {
            return refuse(out, asked, "412 Precondition Failed", "PreconditionFailed");
        }
        let (mut first, mut end, mut status, mut range) = (0, bucket.size, "200 OK", String::new());
        if let Some((from, to)) = header(asked, "range").and_then(|given| given.strip_prefix("bytes=")).and_then(|given| given.split_once('-')) {
            first = from.parse().unwrap_or(0);
            end = to.parse::<u64>().map_or(bucket.size, |last| bucket.size.min(last + 1));
            if first >= bucket.size { return refuse(out, asked, "416 Range Not Satisfiable", "InvalidRange"); }
            (status, range) = ("206 Partial Content", format!("Content-Range: bytes {first}-{}/{}\r\n", end - 1, bucket.size));
        }
        let more = format!("{range}ETag: \"{etag}\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n");
        let mut reply = head(asked, status, end - first, &more);
        if asked.method == "HEAD" { return out.write_all(&reply); }
        let number = (number as u64).to_be_bytes();
        while first < 8 && first < end { reply.push(number[first as usize]); first += 1; }
        while first < end {
            let begin = (first % self.content.len() as u64) as usize;
            let piece = &self.content[begin..(begin as u64 + end - first).min(self.content.len() as u64) as usize];
            first += piece.len() as u64;
            if piece.len() <= 65536 { reply.extend_from_slice(piece); continue; }
            out.write_all(&reply)?; reply.clear();
            out.write_all(piece)?;
        }
        out.write_all(&reply)
    }

    /// Compare the signature with the one that the secret gives: the code of the refusal if it is another.
    fn check(&self, asked: &Asked) -> Result<(), &'static str> {
        let given = header(asked, "authorization").and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256 ")).ok_or("AccessDenied")?;
        let field = |name: &str| given.split(',').find_map(|part| part.trim().strip_prefix(name)).unwrap_or("");
        let (scope, names, signature) = (field("Credential="), field("SignedHeaders="), field("Signature="));
        let (key, scope) = scope.split_once('/').ok_or("AccessDenied")?;
        if key != KEY { return Err("InvalidAccessKeyId"); }
        let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        let mut pairs: Vec<String> = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| if pair.contains('=') { pair.to_string() } else { format!("{pair}=") }).collect();
        pairs.sort();
        let mut canonical = format!("{}\n{path}\n{}\n", asked.method, pairs.join("&"));
        for name in names.split(';') {
            let value = header(asked, name).ok_or("AccessDenied")?;
            canonical.push_str(&format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        canonical.push_str(&format!("\n{names}\n{}", header(asked, "x-amz-content-sha256").unwrap_or("")));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", header(asked, "x-amz-date").ok_or("AccessDenied")?, hex(&sha256(canonical.as_bytes())));
        let own = *self.signing.lock().unwrap().entry(scope.to_string()).or_insert_with(|| {
            scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part.as_bytes()).to_vec()).try_into().unwrap()
        });
        if hex(&hmac(&own, text.as_bytes())) == signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
    }
}

fn header<'a>(asked: &Asked<'a>, name: &str) -> Option<&'a str> {
    asked.headers.iter().find(|one| one.0 == name).map(|one| one.1.as_str())
}

fn etag(bucket: &Bucket, number: u32) -> String {
    if bucket.parts == 0 { bucket.sums[number as usize].clone() } else { format!("{number:032x}-{}", bucket.parts) }
}

fn head(asked: &Asked, status: &str, length: u64, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nServer: bucketsink\r\nx-amz-request-id: {:016X}\r\nContent-Length: {length}\r\n{more}\r\n", asked.number).into_bytes()
}

fn refuse(out: &mut TcpStream, asked: &Asked, status: &str, code: &str) -> std::io::Result<()> {
    let body = if asked.method == "HEAD" { String::new() } else { format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>") };
    let mut reply = head(asked, status, body.len() as u64, "Content-Type: application/xml\r\n");
    reply.extend_from_slice(body.as_bytes());
    out.write_all(&reply)
}

/// A page of keys, or of folders, in their order.  The token is the last key or folder of the page before.
fn page(bucket: &Bucket, out: &mut TcpStream, asked: &Asked, query: &str) -> std::io::Result<()> {
    let get = |name: &str| super::unescape(super::query(query, name).unwrap_or(""));
    let (prefix, delimiter, token) = (get("prefix"), get("delimiter"), get("continuation-token"));
    let after = if token.is_empty() { get("start-after") } else { token };
    let most = get("max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let past = |text: &str| bucket.keys.partition_point(|one| one.0.as_str() <= text || (!delimiter.is_empty() && text.ends_with(&delimiter) && one.0.starts_with(text)));
    let mut at = bucket.keys.partition_point(|one| one.0.as_str() < prefix.as_str()).max(if after.is_empty() { 0 } else { past(&after) });
    let (mut body, mut count, mut last, mut more) = (String::with_capacity(most * 300), 0, String::new(), false);
    while let Some((key, number)) = bucket.keys.get(at).filter(|one| one.0.starts_with(&prefix)) {
        if count == most { more = true; break; }
        count += 1;
        let cut = if delimiter.is_empty() { None } else { key[prefix.len()..].find(&delimiter).map(|end| &key[..prefix.len() + end + delimiter.len()]) };
        if let Some(folder) = cut {
            body.push_str(&format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
            last = folder.to_string();
            at = past(folder);
        } else {
            body.push_str(&format!("<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>", etag(bucket, *number), bucket.size));
            last = key.clone();
            at += 1;
        }
    }
    let next = if more { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
    let encoding = if get("encoding-type") == "url" { "<EncodingType>url</EncodingType>" } else { "" };
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>site</Name><Prefix>{prefix}</Prefix>{next}<KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>{encoding}<IsTruncated>{more}</IsTruncated>{body}</ListBucketResult>");
    let mut reply = head(asked, "200 OK", text.len() as u64, "Content-Type: application/xml\r\n");
    reply.extend_from_slice(text.as_bytes());
    out.write_all(&reply)
}

fn hex(data: &[u8]) -> String { data.iter().map(|byte| format!("{byte:02x}")).collect() }

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    if key.len() > 64 { block[..32].copy_from_slice(&sha256(key)); } else { block[..key.len()].copy_from_slice(key); }
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = sha256(&[pad(0x36), text.to_vec()].concat());
    sha256(&[pad(0x5c), inner.to_vec()].concat())
}

/// FIPS 180-4.  The constants are the fractions of the roots of the first primes.
fn sha256(data: &[u8]) -> [u8; 32] {
    static CONSTANTS: OnceLock<([u32; 64], [u32; 8])> = OnceLock::new();
    let (rounds, first) = CONSTANTS.get_or_init(|| {
        let primes: Vec<u64> = (2u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).take(64).collect();
        (std::array::from_fn(|i| root(primes[i], 3)), std::array::from_fn(|i| root(primes[i], 2)))
    });
    let mut state = *first;
    let mut text = data.to_vec();
    text.push(0x80);
    while text.len() % 64 != 56 { text.push(0); }
    text.extend_from_slice(&(data.len() as u64 * 8).to_be_bytes());
    for block in text.chunks(64) {
        let mut w = [0u32; 64];
        for i in 0..16 { w[i] = u32::from_be_bytes(block[i * 4..i * 4 + 4].try_into().unwrap()); }
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
        }
        let mut v = state;
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let one = v[7].wrapping_add(s1).wrapping_add((v[4] & v[5]) ^ (!v[4] & v[6])).wrapping_add(rounds[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let two = s0.wrapping_add((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v = [one.wrapping_add(two), v[0], v[1], v[2], v[3].wrapping_add(one), v[4], v[5], v[6]];
        }
        for i in 0..8 { state[i] = state[i].wrapping_add(v[i]); }
    }
    let mut sum = [0u8; 32];
    for (i, word) in state.iter().enumerate() { sum[i * 4..i * 4 + 4].copy_from_slice(&word.to_be_bytes()); }
    sum
}

/// The first 32 bits after the point of the square root or the cube root of a prime, in whole numbers.
fn root(prime: u64, power: u32) -> u32 {
    let wanted = (prime as u128) << (32 * power);
    let (mut low, mut high) = (0u128, 1u128 << 40);
    while high - low > 1 { let mid = (low + high) / 2; if mid.pow(power) <= wanted { low = mid; } else { high = mid; } }
    low as u32
}

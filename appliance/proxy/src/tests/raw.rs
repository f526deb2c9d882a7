//! Bytes that clients send and receive.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::school::PATIENCE;

pub(super) async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.unwrap()
}

/// A port of this machine.
pub(super) fn on_loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// A connection of another device: `from` is an address of loopback.
pub(super) async fn connect_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: impl AsRef<[u8]>) {
    timeout(PATIENCE, stream.write_all(bytes.as_ref())).await.expect("writing hangs").unwrap();
}

/// All bytes up to the end of the stream.
pub(super) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the stream does not end")?;
    Ok(bytes)
}

pub(super) async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("bytes are missing").unwrap();
    bytes
}

/// Reads up to and including `mark`.
pub(super) async fn read_until(stream: &mut (impl AsyncRead + Unpin), mark: &str) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !bytes.ends_with(mark.as_bytes()) {
            bytes.push(stream.read_u8().await?);
        }
        Ok::<(), io::Error>(())
    };
    let outcome = timeout(PATIENCE, reading).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(matches!(outcome, Ok(Ok(()))), "{outcome:?} after {text:?}");
    text
}

/// A head, up to its empty line.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    read_until(stream, "\r\n\r\n").await
}

/// Sends `request`, and reads the answer up to the end of the stream.
pub(super) async fn ask_once(to: SocketAddr, request: &str) -> String {
    let mut stream = connect(to).await;
    send(&mut stream, request).await;
    String::from_utf8(read_to_end(&mut stream).await.unwrap()).unwrap()
}

/// A TLS hello for `name`, as small as it can be.
pub(super) fn hello(name: &str) -> Vec<u8> {
    let length = |bytes: &[u8], extra: usize| u16::try_from(bytes.len() + extra).unwrap().to_be_bytes();
    let name = name.as_bytes();
    let list = [&length(name, 3)[..], &[0], &length(name, 0), name].concat();
    let extension = [&[0, 0][..], &length(&list, 0), &list].concat();
    let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    body.extend([&length(&extension, 0)[..], &extension].concat());
    let message = [&[1, 0][..], &length(&body, 0), &body].concat();
    [&[22, 3, 1][..], &length(&message, 0), &message].concat()
}

/// Cuts a hello into records of `size` bytes.
pub(super) fn cut_into_records(hello: &[u8], size: usize) -> Vec<u8> {
    hello[5..]
        .chunks(size)
        .flat_map(|piece| {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            [&[22, 3, 1][..], &length, piece].concat()
        })
        .collect()
}

/// The code of the alert record that `bytes` are.
pub(super) fn alert_code(bytes: &[u8]) -> u8 {
    match bytes {
        [21, 3, 3, 0, 2, 2, code] => *code,
        _ => panic!("not an alert: {bytes:?}"),
    }
}

/// Bytes that repeat themselves only after a long time, so that a lost or doubled piece shows.
pub(super) fn pattern(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).take(count.div_ceil(4)).flatten().take(count).collect()
}

//! A line with a round trip: a proxy on loopback that holds everything back for half of it each way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Chunks on the way: enough to hold more than any window.
const UNDER_WAY: usize = 4096;

/// Starts a proxy to `port` and gives its own port. It lives as long as the process.
pub fn start(port: u16, round_trip: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                continue;
            };
            for stream in [&near, &far] {
                let _ = stream.set_nodelay(true);
            }
            let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
                continue;
            };
            carry(near, far, round_trip / 2);
            carry(far_too, near_too, round_trip / 2);
        }
    });
    own
}

fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = sync_channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + delay;
            if sender.send((due, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

//! Listeners of the tests themselves, for what no real server does on demand: holding a connection
//! without a word, speaking something else, and counting who came.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What a listener does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers in plain HTTP, whatever is said to it.
    PlainHttp,
    /// Answers to addresses whose last number is at most this; holds the others, silent, until
    /// [`Listener::release`].
    Tarpit {
        /// The last number that is still answered.
        answered: u8,
    },
}

/// A listener on every address of this machine, so that 127.x.y.z are all its targets.
#[derive(Debug)]
pub struct Listener {
    pub port: u16,
    connections: Arc<Mutex<Vec<IpAddr>>>,
    released: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let released = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, free, end) = (Arc::clone(&connections), Arc::clone(&released), Arc::clone(&stop));
        let accepting = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let to = stream.local_addr().unwrap().ip();
                log.lock().unwrap().push(to);
                let (free, end) = (Arc::clone(&free), Arc::clone(&end));
                std::thread::spawn(move || serve(stream, to, manner, &free, &end));
            }
        });
        Self { port, connections, released, stop, accepting: Some(accepting) }
    }

    /// To which addresses connections came, in order.
    pub fn connections(&self) -> Vec<IpAddr> {
        self.connections.lock().unwrap().clone()
    }

    /// Lets a tarpit answer.
    pub fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

fn serve(mut stream: TcpStream, to: IpAddr, manner: Manner, released: &AtomicBool, stop: &AtomicBool) {
    if let Manner::Tarpit { answered } = manner {
        let last = match to {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(_) => 0,
        };
        while last > answered && !released.load(Ordering::SeqCst) {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read(&mut [0_u8; 4096]); // the scanner may be gone already
    let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n");
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0_u8; 4096]); // until the other side closes, so that no reset eats the answer
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))); // wakes the accept
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

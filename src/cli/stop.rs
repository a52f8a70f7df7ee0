//! Ctrl-C and SIGTERM: the first one asks a command to come to its end, the second ends it.

use tokio::sync::watch;

use crate::error::{Error, Exit};

/// Turns true at the first Ctrl-C or SIGTERM; the second ends the process without tidying up.
pub(super) fn stop_signal() -> Result<watch::Receiver<bool>, Error> {
    let (sender, receiver) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Internal(format!("signals cannot be received: {e}")))?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            interrupted().await;
            let _ = sender.send(true); // nobody listens any more: the command is ending anyway
            interrupted().await;
            end_at_once();
        });
    });
    Ok(receiver)
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await; // no signals at all: then nothing ever stops it
        }
    }
}

#[expect(clippy::exit, reason = "the user asked twice; what is committed is safe at any moment")]
fn end_at_once() {
    std::process::exit(i32::from(Exit::Interrupted.code()));
}

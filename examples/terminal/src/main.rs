//! `undertone-terminal`: a chat for two terminals, over a relay that was started with `--demo`.

mod chat;
mod command;
mod date;
mod mentions;
mod money;
mod options;
mod show;
mod shown;
mod text;

use std::io::BufRead;
use std::process::ExitCode;

use tokio::sync::mpsc;
use undertone_host::{Profile, Rows, start};

use chat::Chat;
use options::{Asked, Options};

fn main() -> ExitCode {
    let options = match options::read() {
        Ok(Asked::Chat(options)) => options,
        Ok(Asked::Print(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("undertone-terminal: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(|e| e.to_string()).and_then(|runtime| runtime.block_on(run(options)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("undertone-terminal: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let profile = Profile::at(&options.folder, Rows::Sled).map_err(|e| e.to_string())?;
    let profile = profile.fallback_after(options.mail_after);
    let opened = profile.open(&options.relay, &options.user, &options.role, None).await;
    let engine = opened.map_err(|e| e.to_string())?;
    let (host, mut notices) = start(engine, options.relay.clone()).map_err(|e| e.to_string())?;
    let files = host.relay_files().map_err(|e| e.to_string())?;
    let mut chat = Chat::new(host, profile, files, options.user);
    chat.begin()?;
    let mut lines = lines_of_stdin();
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { return chat.settle(&mut notices).await };
                if !chat.line(&line).await? {
                    return Ok(());
                }
            }
            notice = notices.recv() => {
                let Some(notice) = notice else { return Err("the engine has stopped".into()) };
                chat.notice(notice).await?;
            }
        }
    }
}

/// Reading blocks, so it has a thread of its own.
fn lines_of_stdin() -> mpsc::UnboundedReceiver<String> {
    let (lines, queue) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    queue
}

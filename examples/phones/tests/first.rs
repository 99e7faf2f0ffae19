//! R42: the program as people run it first: the day, and the page behind it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
#[cfg(target_os = "linux")]
use std::sync::mpsc;
#[cfg(target_os = "linux")]
use std::time::Duration;

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_undertone-phones"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What goes on until somebody ends it: it does not outlive its test. A program ends with its terminal.
struct Running(Child);

impl Running {
    /// What it says.
    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map_while(Result::ok)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is said before the address of the page, and that.
fn until_the_address(lines: &mut impl Iterator<Item = String>) -> (String, String) {
    let mut before = String::new();
    for line in lines {
        if let Some((_, address)) = line.split_once("http://") {
            return (before, address.trim_end_matches('/').to_owned());
        }
        before += &line;
        before.push('\n');
    }
    panic!("no address:\n{before}");
}

fn assert_is_page(address: &str) {
    let mut page = TcpStream::connect(address).unwrap();
    write!(page, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Undertone"), "{answer}");
}

/// Runs it to its end.
fn run(arguments: &[&str], input: &str) -> (Output, String) {
    let mut child = start(arguments);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    (output, shown)
}

#[test]
fn where_nobody_sits_it_plays_the_day_and_ends() {
    let (output, shown) = run(&[], "");
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    for expected in ["ann · client · online", "bea · escort · online", "sam · support · online", "the relay saw"]
    {
        assert!(shown.contains(expected), "{expected} is missing in:\n{shown}");
    }
    assert!(!shown.contains("http://"), "no page");
}

#[test]
fn the_lines_of_a_file_are_played_instead() {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("day.txt");
    std::fs::write(&day, "Good morning\n").unwrap();
    let (output, shown) = run(&["--no-page", day.to_str().unwrap()], "");
    assert!(output.status.success() && shown.contains("‹ Good morning "), "{shown}");
    let (output, _) = run(&["--no-page", folder.path().join("none.txt").to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("none.txt"), "the error names the file");
}

#[test]
fn the_page_is_served_at_once_where_it_is_asked_for() {
    let mut running = Running(start(&["--page"]));
    let mut lines = running.lines();
    let (_, address) = until_the_address(&mut lines);
    assert_is_page(&address);
}

/// `script` stands for the terminal.
#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_it_plays_the_day_then_serves_the_page_and_leaves_nothing_behind() {
    let mut terminal = Command::new("script")
        .args(["-qec", &format!("exec '{}'", env!("CARGO_BIN_EXE_undertone-phones")), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .expect("the program `script`, of util-linux, must be there: it stands for a terminal");
    let mut lines = terminal.lines();
    let (before, address) = until_the_address(&mut lines);
    assert!(before.contains("the relay saw"), "no day before the page:\n{before}");
    assert_is_page(&address);
    // Ctrl-C, as it is typed: the terminal makes the signal of it.
    terminal.0.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let (said, hears) = mpsc::channel();
    std::thread::spawn(move || {
        lines.for_each(drop);
        said.send(())
    });
    hears.recv_timeout(Duration::from_secs(60)).expect("Ctrl-C ends it");
    terminal.0.wait().unwrap();
    assert!(TcpStream::connect(&address).is_err(), "nobody serves it any more");
}

#[test]
fn what_is_no_flag_is_named() {
    let (output, _) = run(&["--dance"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--dance") && said.contains("--help"), "{said}");
}

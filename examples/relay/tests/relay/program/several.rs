//! Encrypted files of several relays on one NATS.

use std::mem::swap;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::blobs::{Scene, bytes, stuck};
use super::http::answer;

#[tokio::test]
async fn an_upload_goes_on_at_another_relay_after_its_own_has_died() {
    let mut scene = Scene::set("").await;
    let mut other = scene.process.start_another();
    let file = bytes(1_500_000);
    let name = scene.begin(1_500_000).await;
    // Requests that end anywhere, each at another relay.
    for (from, to) in [(0, 1), (1, 300_000), (300_000, 300_001), (300_001, 1_000_000)] {
        assert_eq!(scene.append(&name, &scene.a, from, &file[from as usize..to]).await.status, 204);
        swap(&mut scene.process, &mut other);
        assert_eq!(scene.offset(&name).await, to as u64);
    }
    drop(other);
    assert_eq!(scene.append(&name, &scene.a, 1_000_000, &file[1_000_000..]).await.status, 204);
    let another = scene.process.start_another();
    for process in [&scene.process, &another] {
        assert!(process.files().await == 1);
    }
    scene.process = another;
    assert!(scene.get(&name, &[]).await.body == file);
    for (first, last) in
        [(0, 0), (1, 1), (299_999, 300_001), (262_143, 262_145), (562_144, 824_289), (999_999, 1_499_999)]
    {
        let part = scene.get(&name, &[("range", &format!("bytes={first}-{last}"))]).await;
        assert!(part.status == 206 && part.body == file[first..=last], "{first}-{last}");
    }
}

#[tokio::test]
async fn what_two_relays_write_at_the_same_time_is_never_mixed() {
    let mut scene = Scene::set("").await;
    let mut other = scene.process.start_another();
    let name = scene.begin(100_000).await;
    let mut slow = stuck(&scene, &name, 40_000).await;
    swap(&mut scene.process, &mut other);
    assert_eq!(scene.append(&name, &scene.a, 0, &[8; 60_000]).await.status, 204);
    slow.write_all(&[7; 60_000]).await.unwrap();
    assert_eq!(answer(slow).await.status, 423);
    assert_eq!(scene.append(&name, &scene.a, 60_000, &[9; 40_000]).await.status, 204);
    swap(&mut scene.process, &mut other);
    assert!(scene.get(&name, &[]).await.body == [[8; 60_000].as_slice(), &[9; 40_000]].concat());
}

#[tokio::test]
async fn what_one_relay_removes_while_another_writes_leaves_nothing() {
    let mut scene = Scene::set("[blobs]\nuser_bytes = 10000000\n").await;
    let mut other = scene.process.start_another();
    // The request ends, and the upload is not complete: nobody asks what becomes of it.
    let name = scene.begin(200_000).await;
    let mut slow = stuck(&scene, &name, 40_000).await;
    swap(&mut scene.process, &mut other);
    assert_eq!(scene.ask("DELETE", &name, &scene.a, &[], b"").await.status, 204);
    slow.write_all(&[7; 60_000]).await.unwrap();
    assert_eq!(answer(slow).await.status, 404);
    assert_eq!(scene.process.files().await, 0);
    assert_eq!(scene.create(&scene.a, 10_000_000).await.status, 201, "its room is free");
}

#[tokio::test]
async fn room_is_counted_over_all_relays() {
    let mut scene = Scene::set("[blobs]\nuser_bytes = 1000\ntotal_bytes = 1500\n").await;
    let mut other = scene.process.start_another();
    let first = scene.begin(600).await;
    other.counts("blob_bytes", 600).await;
    swap(&mut scene.process, &mut other);
    assert_eq!(scene.create(&scene.a, 401).await.status, 507, "of the user");
    assert_eq!(scene.create(&scene.b, 901).await.status, 507, "of the platform");
    assert_eq!(scene.create(&scene.b, 900).await.status, 201);
    other.counts("blob_bytes", 1_500).await;
    assert_eq!(scene.ask("DELETE", &first, &scene.a, &[], b"").await.status, 204);
    other.counts("blob_bytes", 900).await;
    // One that starts now adds it up.
    scene.process.start_another().counts("blob_bytes", 900).await;
}

#[tokio::test]
async fn what_has_expired_gives_its_room_back() {
    let mut scene = Scene::set("[blobs]\nuser_bytes = 1000\nupload_within_ms = 2000\n").await;
    let name = scene.begin(1_000).await;
    assert_eq!(scene.append(&name, &scene.a, 0, &[7; 500]).await.status, 204);
    assert_eq!(scene.create(&scene.a, 1).await.status, 507);
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Books are read through every minute, and when a relay starts.
    let _other = scene.process.start_another();
    scene.process.counts("blob_bytes", 0).await;
    let gone = async || while scene.process.files().await > 0 {};
    tokio::time::timeout(Duration::from_secs(10), gone()).await.expect("its bytes go as well");
    assert_eq!(scene.create(&scene.a, 1_000).await.status, 201);
}

#[tokio::test]
async fn a_file_does_not_come_in_crumbs() {
    let mut scene = Scene::set("").await;
    let name = scene.begin(1_000).await;
    for at in 0..68 {
        assert_eq!(scene.append(&name, &scene.a, at, &[7]).await.status, 204, "{at}");
    }
    assert_eq!(scene.append(&name, &scene.a, 68, &[7]).await.status, 429);
    assert_eq!(scene.offset(&name).await, 68);
}

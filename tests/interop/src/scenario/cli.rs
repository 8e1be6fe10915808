// SPDX-License-Identifier: MPL-2.0
//! The published command line client, driven through its menus.
use super::Skipped;
use crate::client::*;
use crate::crates::DialOf06;
use crate::pty::Pty;
use crate::relay::{Context, Relay, with};
use anyhow::{Context as _, Result, ensure};
use core06::{
    Node, NodeConfig, NodeHandle, PeerAddr, RelayAwareTransport, ShareKeypair, ShareVisibility,
    TransportProtocol,
};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const TITLE: &str = "Aurora over Trondheim";
const SOON: Duration = Duration::from_secs(15);

fn at(a: SocketAddr) -> PeerAddr {
    let (ip, port, transport) = (a.ip(), a.port(), TransportProtocol::Tcp);
    PeerAddr { ip, port, transport, pubkey_hint: None, relay_via: None }
}

/// A member that publishes a share into the community, through the library alone.
async fn member(relay: &Relay, dir: &Path, community: &ShareKeypair) -> Result<NodeHandle> {
    let node = Node::start(NodeConfig::default()).await?;
    let dial = DialOf06 { key: node.ensure_node_identity().await? };
    let (id, pubkey) = (community.share_id(), community.verifying_key().to_bytes());
    node.join_community_named(id, pubkey, "interop").await?;
    let file = dir.join("aurora.txt");
    std::fs::write(&file, "northern lights")?;
    let publisher = node.ensure_publisher_identity("interop").await?;
    let (public, provider) = (ShareVisibility::Public, at(([127, 0, 0, 1], 1).into()));
    let communities = [id.0];
    node.publish_files(&[file], None, TITLE, None, public, &communities, provider, &publisher)
        .await?;
    let transport = RelayAwareTransport::new(&dial);
    let stored = node.dht_republish_once(&transport, &[at(relay.place.tcp)]).await?;
    ensure!(stored >= 5, "{stored} of head, manifest, providers, member and share were stored");
    Ok(node)
}

/// Opens an entry of the menu of communities, for the only community there is.
async fn open(cli: &mut Pty, entry: &str, prompt: &str) -> Result<()> {
    cli.until(&["Communities:"], SOON).await?;
    cli.enter(entry)?;
    cli.until(&[prompt], SOON).await?;
    cli.enter("")
}

async fn join(cli: &mut Pty, id: &str, pubkey: &str) -> Result<()> {
    cli.until(&["What would you like to do?"], SOON).await?;
    cli.enter("Communit")?;
    cli.until(&["Communities:"], SOON).await?;
    cli.enter("Join a")?;
    cli.until(&["Community Share ID"], SOON).await?;
    cli.enter(id)?;
    cli.until(&["Community Public Key"], SOON).await?;
    cli.enter(pubkey)?;
    cli.until(&[&format!("Joined community {id}")], SOON).await?;
    Ok(())
}

async fn search(cli: &mut Pty) -> Result<()> {
    open(cli, "Search community", "Pick a community to search:").await?;
    cli.until(&["Search query:"], SOON).await?;
    cli.enter("aurora")?;
    cli.until(&["1 result(s):", "No results"], SOON).await?;
    cli.until(&[&format!("[score=200]  {TITLE}")], SOON).await?;
    Ok(())
}

async fn events(cli: &mut Pty) -> Result<()> {
    open(cli, "View community", "Pick a community:").await?;
    let shown = cli.until(&[&format!("title={TITLE}"), "No events"], SOON).await?;
    ensure!(shown.contains("event(s):"), "it shows {shown}");
    Ok(())
}

async fn browse(cli: &mut Pty) -> Result<()> {
    open(cli, "Browse a", "Pick a community to browse:").await?;
    let shown = cli.until(&["participant", "No participants"], SOON).await?;
    ensure!(!shown.contains("No participants"), "the relay says that it has not joined");
    cli.until(&[&format!("{TITLE}  seq=1")], SOON).await?;
    Ok(())
}

/// With the relay as its only bootstrap peer, the client joins a community and finds a share in it.
pub async fn community(c: &Context) -> Result<String> {
    let Some(program) = &c.cli else {
        return Err(Skipped("no --cli PROGRAM given".into()).into());
    };
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let community = ShareKeypair::new(new_key());
        let node = member(relay, &dir, &community).await?;
        let pubkey = node.ensure_node_identity().await?.verifying_key().to_bytes();
        let (db, bootstrap) = (dir.join("cli.db"), relay.place.tcp.to_string());
        let port = c.free_place().tcp.port().to_string();
        let db = db.to_string_lossy();
        let args = ["--db", &db, "--bootstrap", &bootstrap, "--port", &port, "--quic-port", "0"];
        let mut cli = Pty::spawn(program, &args)?;
        let id = hex::encode(community.share_id().0);
        join(&mut cli, &id, &hex::encode(community.verifying_key().to_bytes())).await?;
        search(&mut cli).await.context("search")?;
        events(&mut cli).await.context("events")?;
        if !c.is_reference() {
            browse(&mut cli).await.context("browse")?;
        }
        cli.until(&["Communities:"], SOON).await?;
        let joined = format!("joined   seq=1  node={}", hex::encode(&pubkey[..8]));
        ensure!(cli.text().contains(&joined), "no event of the publisher: {}", cli.text());
        Ok(String::new())
    })
    .await
}

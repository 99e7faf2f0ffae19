//! A doctored app: it has a real certificate of an escort, and keeps to no rule.

use undertone::authority::{Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use undertone::envelope::{Envelope, EnvelopeKind, PushHint, StartToken};
use undertone::id::{EnvelopeId, SessionId, UserId};
use undertone::policy::Role;
use undertone::rng::Rng;
use undertone::time::DAY;
use undertone_host::now;
use undertone_relay::answer::{DirectoryUser, TransmitResult};
use undertone_relay::client::{Client, ClientError, DemoAuthority};
use undertone_relay::frame::{Down, Up};
use undertone_relay::logic::login_message;

/// What came of it.
pub struct Outcome {
    /// Key packages that it got of the victim.
    pub key_packages: usize,
    /// What the relay said to a welcome without a token, and to one with a token forged in the victim's name.
    pub answers: [String; 2],
}

/// Why the doctored app did not even get so far.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The connection.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The engine's library.
    #[error(transparent)]
    Engine(#[from] undertone::Error),
    /// Something else.
    #[error("{0}")]
    Other(&'static str),
}

/// Starts with a client whatever the rules say.
///
/// # Errors
/// [`ForgeError`] when it does not get so far.
pub async fn forge(relay: &str, victim: &str) -> Result<Outcome, ForgeError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| ForgeError::Other("no randomness"))?;
    let mut rng = Rng::from_seed(seed);
    let (identity, key) = (IdentityKey::generate(&mut rng), DeviceKey::generate(&mut rng));
    let names = UserId::new("mallory").zip(UserId::new(victim)).zip(Role::new("escort"));
    let ((user, victim), role) = names.ok_or(ForgeError::Other("a bad name"))?;
    let request = EnrolmentRequest::new(&user, &identity, &key)?;
    let authority = DemoAuthority::dial(relay).await?;
    let public = authority.public_key();
    let certificate = authority.certify(role, request.as_bytes()).await?;

    let challenged = Client::dial(relay).await?;
    let signature = key.sign(&login_message(challenged.challenge())).to_vec();
    let (mut client, _) = challenged.log_in(certificate.clone(), signature).await?;
    let asked = Up::LookUp { request: 1, users: vec![victim.clone()], key_packages: true };
    let Down::Directory { users, .. } = ask(&mut client, asked).await? else {
        return Err(ForgeError::Other("no directory"));
    };
    let key_packages = users.iter().flat_map(|user| &user.devices).filter(|d| d.key_package.is_some()).count();

    let token = StartToken { initiator: victim, responder: user, authority: public, at: now(), certificate };
    let forged = token.sign(&key)?;
    let mut answers = Vec::new();
    for token in [None, Some(forged)] {
        let welcome = welcome(&mut rng, &key, &users, token)?;
        answers.push(describe(ask(&mut client, Up::Transmit { id: 2, bundle: vec![welcome] }).await?));
    }
    client.sender.close().await;
    let answers = answers.try_into().map_err(|_| ForgeError::Other("no answers"))?;
    Ok(Outcome { key_packages, answers })
}

async fn ask(client: &mut Client, frame: Up) -> Result<Down, ClientError> {
    client.sender.send(&frame).await?;
    client.receiver.next().await
}

fn welcome(
    rng: &mut Rng,
    key: &DeviceKey,
    victim: &[DirectoryUser],
    token: Option<Vec<u8>>,
) -> Result<Vec<u8>, ForgeError> {
    let devices = victim.iter().flat_map(|user| &user.devices);
    let recipients = devices.filter_map(|d| Certificate::decode(&d.certificate).ok()).map(|c| c.device()).collect();
    let envelope = Envelope {
        id: EnvelopeId::from_bytes(rng.bytes()),
        kind: EnvelopeKind::Welcome,
        tag: SessionId::from_bytes(rng.bytes()),
        sender: key.device(),
        sequence: 1,
        recipients,
        expires_at: now().plus(DAY),
        push: PushHint::Message,
        slot: None,
        token,
        commitment: None,
        body: vec![0; 512],
    };
    Ok(envelope.encode()?)
}

fn describe(answer: Down) -> String {
    match answer {
        Down::Transmitted { result: TransmitResult::Refused(reason), .. } => format!("refused ({reason:?})"),
        Down::Transmitted { result: TransmitResult::Accepted { .. }, .. } => "ACCEPTED".into(),
        other => format!("{other:?}"),
    }
}

//! TLS before a server of the suite: a listener with a certificate of its own, which passes on what it gets.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Makes `certificate.pem` and `key.pem` for 127.0.0.1 in a folder, and `authority.pem`, which vouches for them; false
/// where OpenSSL is not installed.
pub fn certificate(folder: &Path) -> bool {
    let make = |key: &str, certificate: &str, more: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", certificate]);
        command.args(more).output().is_ok_and(|made| made.status.success())
    };
    let signed = ["-CA", "authority.pem", "-CAkey", "authority-key.pem", "-subj", "/CN=127.0.0.1"];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    make("authority-key.pem", "authority.pem", &["-subj", "/CN=authority of the suite"])
        && make("key.pem", "certificate.pem", &[signed.as_slice(), &names].concat())
}

/// A listener with TLS; it ends with the test.
pub struct Tls {
    folder: tempfile::TempDir,
    port: u16,
    upstream: Arc<OnceLock<String>>,
    _runtime: tokio::runtime::Runtime,
}

impl Tls {
    /// Listens; none, and a line that says so, where OpenSSL is not installed.
    pub fn listen() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        if !certificate(folder.path()) {
            super::backend::say("LEFT OUT: a listener with TLS; openssl is not installed");
            return None;
        }
        let certificate = CertificateDer::from_pem_file(folder.path().join("certificate.pem"));
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem"));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.expect("a certificate")], key.expect("a key"))
            .expect("they belong together");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let upstream = Arc::<OnceLock<String>>::default();
        runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&upstream)));
        Some(Self { folder, port, upstream, _runtime: runtime })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate that clients must trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Says who gets what comes, as host and port.
    pub fn pass_to(&self, upstream: &str) {
        self.upstream.set(upstream.to_owned()).expect("said once");
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: Arc<OnceLock<String>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, upstream) = (acceptor.clone(), upstream.get().cloned().unwrap_or_default());
        tokio::spawn(async move {
            let mut inside = acceptor.accept(stream).await?;
            let mut server = TcpStream::connect(upstream).await?;
            tokio::io::copy_bidirectional(&mut inside, &mut server).await
        });
    }
}

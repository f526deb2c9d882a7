//! The lab's Internet: one authoritative DNS server and one web server for all names.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::authority::Authority;
use crate::machine::{Machine, Service};
use crate::patience::wait_until;
use crate::school::{
    DOH_IPV4, DOH_PORT, FOREIGN_RESOLVER_IPV4, FOREIGN_RESOLVER_IPV6, RESOLVER_IPV4, RESOLVER_IPV6,
};
use crate::site::{Site, write_big_file};

/// The name that the resolver's certificate is for.
const RESOLVER_NAME: &str = "dns.example";

/// The names under which the Internet answers DNS over HTTPS: one that everybody knows, one that nobody does.
const DOH_NAMES: [&str; 2] = ["dns.google", "resolveur.example"];

/// The zone of everything: the root, with all names of the lab in it. Under it, names with special answers for
/// tests of resolvers: an alias of a listed site, records of services with keys for an Encrypted Client Hello, also
/// behind an alias, an address of the school, any number of names under one domain, a search engine with its safe
/// variant, and an answer that does not fit into a datagram.
const ZONE: &str = "$TTL 60
. IN SOA dns.example. postmaster.example. 1 3600 600 86400 5
. IN NS dns.example.
alias.example. IN CNAME casino.example.
encyclopedie.example. IN TYPE65 \\# 15 0001000005000800060001000100ff
ech.example. IN HTTPS 1 . mandatory=alpn,ech alpn=h2 ipv4hint=198.51.100.11,10.77.0.12 ech=AAL+DQ== key65400=keep
ech.example. IN SVCB 1 ech.example. mandatory=ech ech=AAL+DQ==
echalias.example. IN CNAME ech.example.
rebond.example. IN A 10.77.0.1
*.tunnel.example. IN A 198.51.100.11
casino.example. IN HTTPS 1 . alpn=h2 ech=AEf+DQBDAQAgACABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fIAAEAAEAASgUZW5jeWNsb3BlZGllLmV4YW1wbGUAAA==
www.google.fr. IN A 198.51.100.13
www.google.fr. IN HTTPS 1 . alpn=h2
forcesafesearch.google.com. IN A 198.51.100.10
";

/// Bytes of the film that every site serves as `/film.bin`, and at a megabyte a second as `/slow.bin`, and that may be kept.
const FILM_BYTES: u32 = 8 << 20;

/// How many strings of 200 bytes the long answer has.
const LONG_STRINGS: usize = 12;

/// Starts the servers and waits until they answer.
pub(crate) fn start(internet: &Machine, authority: &Authority, sites: &[Site]) -> Result<Vec<Service>> {
    let directory = internet.directory();
    std::fs::write(directory.join("unbound.conf"), resolver_configuration(directory, authority)?)?;
    std::fs::write(directory.join("zone"), zone(sites)?)?;
    std::fs::write(directory.join("nginx.conf"), web_configuration(directory, authority, sites)?)?;
    write_pages(directory, sites)?;
    let mut services = vec![
        internet.start("unbound", &["unbound", "-d", "-p", "-c", "unbound.conf"])?,
        internet.start("nginx", &["nginx", "-e", "stderr", "-p", ".", "-c", "nginx.conf"])?,
    ];
    for (service, port) in services.iter_mut().zip(["853", "443"]) {
        wait_until("the Internet's servers", || {
            ensure!(service.is_running()?, "it ended");
            let listening = internet.run(&["ss", "-Hltn", &format!("sport = :{port}")])?.success()?;
            Ok(!listening.is_empty())
        })
        .with_context(|| service.log().unwrap_or_default())?;
    }
    Ok(services)
}

fn resolver_configuration(directory: &Path, authority: &Authority) -> Result<String> {
    let addresses = [RESOLVER_IPV4, RESOLVER_IPV6, FOREIGN_RESOLVER_IPV4, FOREIGN_RESOLVER_IPV6];
    let certified: Vec<IpAddr> = addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    let (chain, key) = authority.issue(&[&[RESOLVER_NAME], &DOH_NAMES[..]].concat(), &certified)?;
    let mut text = format!(
        "server:
  directory: \"{}\"
  chroot: \"\"
  username: \"\"
  pidfile: \"\"
  use-syslog: no
  log-queries: yes
  num-threads: 1
  module-config: \"iterator\"
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  https-port: {DOH_PORT}
  interface: {DOH_IPV4}@{DOH_PORT}
  tls-service-pem: \"{}\"
  tls-service-key: \"{}\"
auth-zone:
  name: \".\"
  zonefile: \"zone\"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
remote-control:
  control-enable: no
server:
",
        directory.display(),
        chain.display(),
        key.display(),
    );
    for address in addresses {
        writeln!(text, "  interface: {address}\n  interface: {address}@853")?;
    }
    Ok(text)
}

fn zone(sites: &[Site]) -> Result<String> {
    let mut zone = ZONE.to_owned();
    writeln!(zone, "{RESOLVER_NAME}. IN A {RESOLVER_IPV4}\n{RESOLVER_NAME}. IN AAAA {RESOLVER_IPV6}")?;
    for name in DOH_NAMES {
        writeln!(zone, "{name}. IN A {DOH_IPV4}")?;
    }
    for Site { name, ipv4, ipv6, .. } in sites {
        for prefix in ["", "www."] {
            writeln!(zone, "{prefix}{name}. IN A {ipv4}\n{prefix}{name}. IN AAAA {ipv6}")?;
        }
    }
    for number in 0..LONG_STRINGS {
        writeln!(zone, "long.example. IN TXT \"{number:0200}\"")?;
    }
    Ok(zone)
}

fn web_configuration(directory: &Path, authority: &Authority, sites: &[Site]) -> Result<String> {
    let place = directory.display();
    // One process and one user: a user namespace has no other to give to workers.
    let mut text = format!(
        "daemon off;
master_process off;
user root root;
pid nginx.pid;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  log_format lab '$scheme $host $remote_addr $request_method $uri $status $body_bytes_sent';
  access_log {place}/access.log lab;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  types {{ text/html html; }}
  default_type application/octet-stream;
  charset utf-8;
  sendfile on;
  server {{
    listen 80 default_server; listen [::]:80 default_server;
    listen 443 ssl http2 default_server; listen [::]:443 ssl http2 default_server;
    ssl_reject_handshake on;
    return 404;
  }}
"
    );
    for site in sites {
        let www = format!("www.{}", site.name);
        let (chain, key) = authority.issue(&[&site.name, &www], &[])?;
        if let Some(port) = site.application {
            text.push_str(&application(&site.name, port, &chain, &key));
            continue;
        }
        writeln!(
            text,
            "  server {{
    listen 80; listen [::]:80; listen 443 ssl http2; listen [::]:443 ssl http2;
    server_name {name} {www};
    ssl_certificate {chain}; ssl_certificate_key {key};
    root {place}/{name};
    location = /big.bin {{ root {place}; }}
    location /lecon/ {{ add_header Cache-Control \"public, max-age=1\"; }}
    location = /film.bin {{ root {place}; add_header Cache-Control \"public, max-age=600\"; }}
    location = /slow.bin {{ alias {place}/film.bin; limit_rate 1m; add_header Cache-Control \"public, max-age=600\"; }}
  }}",
            name = site.name,
            chain = chain.display(),
            key = key.display(),
        )?;
    }
    text.push_str("}\n");
    Ok(text)
}

/// What stands before an application: it ends TLS, and says so.
fn application(name: &str, port: u16, chain: &Path, key: &Path) -> String {
    format!(
        "  server {{
    listen 443 ssl http2; listen [::]:443 ssl http2;
    server_name {name} www.{name};
    ssl_certificate {chain}; ssl_certificate_key {key};
    client_max_body_size 64m;
    location / {{
      proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1;
      proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;
    }}
    location = /ws {{
      proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
  }}
",
        chain = chain.display(),
        key = key.display(),
    )
}

fn write_pages(directory: &Path, sites: &[Site]) -> Result<()> {
    for Site { name, .. } in sites {
        std::fs::create_dir_all(directory.join(name))?;
        let page = format!("<!doctype html>\n<title>{name}</title>\n<p>Ici {name}.</p>\n");
        std::fs::write(directory.join(name).join("index.html"), page)?;
        // A page that is for all, for a second.
        let lesson = "<!doctype html>\n<title>Leçon 1</title>\n<body>\n<p>La photosynthèse.</p>\n";
        std::fs::create_dir_all(directory.join(name).join("lecon"))?;
        std::fs::write(directory.join(name).join("lecon/1.html"), lesson)?;
    }
    std::fs::write(directory.join("film.bin"), film())?;
    write_big_file(&directory.join("big.bin"))
}

/// A film that is for all: bytes that repeat themselves only after a long time, so that a lost or doubled piece shows.
fn film() -> Vec<u8> {
    let words = (0..FILM_BYTES / 4).map(|number| number.wrapping_mul(2_654_435_761).rotate_left(number % 31));
    words.flat_map(u32::to_le_bytes).collect()
}

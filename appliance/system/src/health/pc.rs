//! The PC.

use std::net::Ipv4Addr;
use std::sync::mpsc::channel;
use std::thread;

use firewall::Interface;
use model::Mac;
use ring::rand::{SecureRandom as _, SystemRandom};
use selftest::Overheard;

use super::lease::{Lease, LeaseError, Question, ask};
use super::overhear::{OverhearError, overhear};
use crate::selftest::TestbedError;
use crate::selftest::testbed::{ask_ip, enter_namespace, ip};

/// The port's own hardware address: a bridge without one of its own takes the lowest of its ports, and all the school's PCs would look for the
/// box at another one.
const PORT_MAC: &str = "fe:ff:ff:ff:ff:ff";
/// The PC's end of the wire.
const PC_END: &str = "pc0";
/// A PC asks for an address from a port below 1024: on this one, anybody may use those (ip(7)).
const FREE_PORTS: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/// An address that its owner has made up, of one machine (IEEE 802, section 8.2).
const MADE_UP: u8 = 0x02;

/// A bridge, to which a port can be added.
#[derive(Clone, Debug)]
pub struct Bridge {
    interface: Interface,
    mac: Mac,
}

impl Bridge {
    /// `None` where the interface is something else, or is not there.
    #[must_use]
    pub fn find(interface: &Interface) -> Option<Self> {
        let said = ask_ip(&[format!("link show dev {interface} type bridge")]).ok()?;
        let mac = said.split_ascii_whitespace().skip_while(|word| *word != "link/ether").nth(1)?;
        Some(Self { interface: interface.clone(), mac: mac.parse().ok()? })
    }
}

/// The school's network, as far as the PC has to know it.
#[derive(Clone, Debug)]
pub struct Network {
    /// The bridge of the school's ports.
    pub bridge: Bridge,
    /// The box's address there.
    pub address: Ipv4Addr,
    /// An address there, and the network's bits, that the box gives to nobody: for a PC that it has none left for.
    pub spare: Option<(Ipv4Addr, u8)>,
    /// What the port is called, as the box sees it. Of a name there is one PC at a time.
    pub port: &'static str,
}

/// A PC at a port of the bridge. It has a hardware address that nobody can know before.
#[derive(Debug)]
pub struct Pc {
    mac: Mac,
    network: Network,
}

impl Pc {
    /// The port of the one by which the box finds out whether it is healthy.
    pub const HEALTH_PORT: &str = "preau-health";
    /// The port of the one by which it finds out, each night, who else gives addresses.
    pub const SELFTEST_PORT: &str = "preau-plugged";

    /// Does `work` on a PC, as long as that takes. Its threads and sockets are on the PC, too.
    ///
    /// # Errors
    /// [`TestbedError`] when there is no PC; then nothing of it stays.
    pub fn with<T: Send>(network: &Network, work: impl FnOnce(&Self) -> T + Send) -> Result<T, TestbedError> {
        let pc = Self { mac: make_up().ok_or(TestbedError::Broken)?, network: network.clone() };
        remove_port(network.port);
        let (laid, is_laid) = channel();
        let (plug, is_plugged) = channel();
        let done = thread::scope(|scope| {
            let machine = thread::Builder::new().name("health".to_owned()).spawn_scoped(scope, move || {
                enter_namespace().map_err(TestbedError::Namespace)?;
                pc.lay_wire()?;
                laid.send(()).map_err(|_| TestbedError::Broken)?;
                is_plugged.recv().map_err(|_| TestbedError::Broken)??;
                Ok(work(&pc))
            });
            let machine = machine.map_err(TestbedError::Thread)?;
            // This thread has stayed where the bridge is. A machine that failed has dropped its end.
            if is_laid.recv().is_ok() {
                let Network { bridge, port, .. } = network;
                let _gone = plug.send(ip(&[format!("link set {port} master {} up", bridge.interface)]));
            }
            machine.join().unwrap_or(Err(TestbedError::Broken))
        });
        // The kernel takes it away with the machine, in its own time; nobody on the bridge is to wait for that.
        remove_port(network.port);
        done
    }

    /// Asks for an address as a PC does, and takes it. It is not taken for good: what was offered is free again in a moment.
    ///
    /// Somebody who has taken all addresses there are is no fault of the box: then the PC takes the spare one, and asks for the rest.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn take_address(&self) -> Result<Lease, LeaseError> {
        let stranger = Question { mac: self.mac, server: self.network.address, own: None };
        let lease = match (ask(PC_END, stranger), self.network.spare) {
            (Err(LeaseError::Silent), Some((own, bits))) => {
                ip(&[format!("address replace {own}/{bits} dev {PC_END}")]).map_err(LeaseError::Take)?;
                ask(PC_END, Question { own: Some(own), ..stranger })?
            }
            (lease, _) => lease?,
        };
        let Lease { address, prefix_bits, router, .. } = lease;
        let Network { bridge: Bridge { mac, .. }, address: own, .. } = &self.network;
        ip(&[
            format!("address replace {address}/{prefix_bits} dev {PC_END}"),
            format!("route replace 0.0.0.0/0 via {router} dev {PC_END} onlink"),
            // Somebody on the school's wire who says that the box is elsewhere is not believed.
            format!("neighbour replace {own} lladdr {mac} dev {PC_END} nud permanent"),
        ])
        .map_err(LeaseError::Take)?;
        Ok(lease)
    }

    /// Asks for an address, takes none, and hears for some seconds who answers, and who says that it is a router.
    ///
    /// # Errors
    /// [`OverhearError`].
    pub fn overhear(&self) -> Result<Overheard, OverhearError> {
        let question = Question { mac: self.mac, server: self.network.address, own: None };
        overhear(PC_END, question, self.network.bridge.mac)
    }

    fn lay_wire(&self) -> Result<(), TestbedError> {
        let (process, port) = (std::process::id(), self.network.port);
        // Where it cannot be written, it takes CAP_NET_BIND_SERVICE.
        let _kept = std::fs::write(FREE_PORTS, "0");
        ip(&[
            "link set lo up".to_owned(),
            format!("link add {PC_END} type veth peer name {port} address {PORT_MAC} netns {process}"),
            format!("link set {PC_END} address {} up", self.mac),
            // Whoever has no address yet hears only whom it has a way to.
            format!("route add 0.0.0.0/0 dev {PC_END}"),
        ])
    }
}

/// There may be none.
fn remove_port(port: &str) {
    let _absent = ip(&[format!("link delete {port}")]);
}

/// `None` where the system has no random numbers.
fn make_up() -> Option<Mac> {
    let mut octets = [MADE_UP; 6];
    let [_, rest @ ..] = &mut octets;
    SystemRandom::new().fill(rest).ok()?;
    Some(Mac::new(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_no_bridge() {
        for name in ["lo", "no-such-one"] {
            assert!(Bridge::find(&name.parse().unwrap()).is_none(), "{name}");
        }
    }

    #[test]
    fn a_pc_is_a_machine_of_its_own() {
        let (one, other) = (make_up().unwrap(), make_up().unwrap());
        assert_ne!(one, other);
        assert!(one.of_a_machine().is_ok() && one.octets()[0] == MADE_UP);
    }
}

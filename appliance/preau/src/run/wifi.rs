//! The school's Wi-Fi: what lessons want and what access points do, kept together.
//!
//! ```text
//! orders -- reads lessons, devices and keys in the store --> Order (what each room shall have)
//!                                                              |
//! air ----- what the box hears itself, where a radio listens ---> "off", not only "says that it is off"
//! point (a thread for each access point): look, plan, one step, look again ... publish
//!                                                              |
//!                            stations --> the desk; status --> pages, `preau wifi status`
//! ```
//! An access point that was unplugged, reset or late is looked at again and again, and told what it lacks. Nothing is ever sent
//! that no lesson wants: at the start of the box all is silent, and what the box started dies with it.
//!
//! While the journal cannot be written, lessons switch radios as ever: nobody reaches anything by them but the page that says why.

mod adopted;
mod air;
mod board;
mod heard;
mod orders;
mod own_key;
mod point;

use std::path::Path;
use std::sync::Arc;

use access::{Clock, Desk};
use anyhow::Context as _;
use system::hostapd::HostapdRadio;
use system::ubus::OpenWrtRadio;
use wifi::{AccessPoint, Drive, Kind};

use super::radios::Radios;
use crate::config::{self, Config};
use crate::data_folder::{self, STATE_FILE, WIFI_FOLDER};

pub(crate) use adopted::{AdoptedKeeper, HTTPS_PORT};
use air::Air;
pub(crate) use air::AirKeeper;
pub(crate) use board::{Line, WifiBoard, read_status};
pub(crate) use heard::{Heard, HeardPoints};
pub(crate) use orders::{OrderKeeper, Orders};
pub(crate) use own_key::{draw_key, find_key};
pub(crate) use point::Point;
use point::Shared;

/// What keeps the Wi-Fi.
pub(crate) struct WifiKeepers {
    pub(crate) orders: OrderKeeper,
    /// Where a radio listens.
    pub(crate) air: Option<AirKeeper>,
    pub(crate) points: Vec<Point>,
    /// Those that people adopted.
    pub(crate) adopted: AdoptedKeeper,
}

/// Whoever keeps the school's Wi-Fi; `None` without access points, and where there is no key by which some may come. Where hostapd has units of its
/// own, `units` is their folder.
pub(crate) fn open(
    config: &Config,
    (data, units): (&Path, Option<&Path>),
    desk: &Arc<Desk>,
    clock: &Arc<dyn Clock>,
    (radios, heard): (&Arc<Radios>, &Arc<HeardPoints>),
) -> anyhow::Result<Option<WifiKeepers>> {
    let config::Wifi { access_points, networks, listener, adoption_key_fault: fault, .. } = &config.wifi;
    if access_points.is_empty() && heard.key().is_none() && fault.is_none() {
        return Ok(None);
    }
    if let Some(fault) = fault {
        tracing::error!(
            "no access point that was adopted is driven: the commune's key cannot be read: {fault}"
        );
    }
    let folder = data.join(WIFI_FOLDER);
    data_folder::make(&folder)?;
    let board = WifiBoard::open(&folder, Arc::clone(desk), Arc::clone(radios))
        .context("cannot keep the status of the Wi-Fi")?;
    let (board, orders) = (Arc::new(board), Arc::new(Orders::default()));
    let keeper = OrderKeeper::new(data, config, Arc::clone(clock), Arc::clone(&orders));
    let air = Arc::new(Air::default());
    let shared = Shared { orders, board, air: Arc::clone(&air), clock: Arc::clone(clock) };
    let points = access_points.iter().map(|access_point| {
        Ok(Point::new(access_point, open_drive(access_point, &folder, units)?, shared.clone()))
    });
    let points = points.collect::<anyhow::Result<_>>()?;
    let names = networks.iter().map(|network| network.ssid.clone());
    let air = listener.clone().map(|interface| AirKeeper::new(interface, names, Arc::clone(&air)));
    let adopted = AdoptedKeeper::new(data.join(STATE_FILE), Arc::clone(heard), shared, fault.clone());
    Ok(Some(WifiKeepers { orders: keeper, air, points, adopted }))
}

fn open_drive(
    access_point: &AccessPoint,
    folder: &Path,
    units: Option<&Path>,
) -> anyhow::Result<Box<dyn Drive>> {
    match &access_point.kind {
        Kind::Hostapd { interface, bridge } => {
            let (interface, bridge) = (interface.parse()?, bridge.as_deref().map(str::parse).transpose()?);
            Ok(Box::new(match units {
                Some(units) => HostapdRadio::of_unit(units, interface, bridge),
                None => HostapdRadio::new(folder, interface, bridge),
            }))
        }
        Kind::OpenWrt { .. } => Ok(Box::new(OpenWrtRadio::new(adopted::place(&access_point.kind)?)?)),
    }
}

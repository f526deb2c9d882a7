modprobe mac80211_hwsim radios=6 || exit 1
await 20 ip link show wlan5
ip link set lo up
ip link set hwsim0 up
ip link add br0 type bridge && ip address add 10.77.0.1/24 dev br0 && ip link set br0 up || exit 1
ip link add br-staff type bridge && ip address add 10.77.8.1/24 dev br-staff && ip link set br-staff up || exit 1
ip link add wan0 type dummy && ip link set wan0 up || exit 1

PREAU="--config /etc/school.toml --data /tmp/data"

# Whoever listens from the first moment to the last hears every beacon.
tcpdump -Z root -tt -n -l --immediate-mode -i hwsim0 'type mgt subtype beacon' >/tmp/beacons 2>/dev/null &
await 20 pidof tcpdump
# ms SECONDS: a moment, in milliseconds.
ms() { local at=${1/[.,]/}; echo $((at / 1000)); }
now() { ms $EPOCHREALTIME; }
# last NETWORK: its last beacon, in milliseconds; 0 without any.
last() { local at=$(grep -F "Beacon ($1)" /tmp/beacons | tail -n 1 | cut -d' ' -f1); ms "${at:-0.000000}"; }
# There are ten a second.
heard() { (($(now) - $(last "$1") < 1000)); }
silent() { ! heard "$1"; }
# fail WHAT: with all that explains it.
fail() { echo "FAULT: $1"; preau wifi status $PREAU; tail -n 3 /tmp/beacons; cat /tmp/preau.log; exit 1; }
state() { preau wifi status $PREAU | grep "^$1"; }
is_heard_silent() { state borne-cm2 | cut -f 3 | grep -qx off; }
run_box() {
    preau run $PREAU 2>>/tmp/preau.log &
    box=$!
}

# begin_lesson ROOM: with its Wi-Fi.
begin_lesson() {
    lesson=$(preau lesson start "$1" --teacher 'Mme Martin' --for 30m --wifi true $PREAU) || fail "no lesson"
    lesson=${lesson%%:*}
}
end_lesson() { preau lesson end "$lesson" --author 'Mme Martin' --data /tmp/data >/dev/null || fail "it does not end"; }

mkdir -m 700 /tmp/data && cp /etc/data/state.sqlite /tmp/data/ || exit 1
run_box
await 60 preau wifi status $PREAU || fail "the box does not run"
# Nobody has heard it yet: it may be on a channel that nobody listens to.
state borne-cm2 | grep -q off-not-verified || fail "borne-cm2 is not off"
await 20 pidof hostapd || fail "no hostapd"
sleep 2
(($(last tilleul) + $(last hetre) == 0)) || fail "it sends before anybody told it to"
echo "silent at the start of the box"

# --- on, for a lesson
touched=$(now)
begin_lesson CM2
begun=$(now)
await 20 heard tilleul || fail "it does not send"
first=$(ms $(grep -m 1 -F 'Beacon (tilleul)' /tmp/beacons | cut -d' ' -f1))
echo "first beacon $((first - touched)) ms after the command was started, $((first - begun)) ms after it ended"
((first - begun < 3000)) || fail "too late"
is_on() { state borne-cm2 | grep -q "on since"; }
await 20 is_on || fail "it does not say that it sends"
# Louder than a room needs, it is heard in the street.
iw dev wlan0 info | grep -q 'txpower 17.00 dBm' || { iw dev wlan0 info; fail "its power is not limited"; }

# --- tablets
join() {
    printf 'ctrl_interface=/run/%s\nnetwork={\nssid="%s"\nscan_freq=%s\nfreq_list=%s\n%s\n}\n' "$1" "$3" "$4" "$4" "$5" > "/tmp/$1.conf"
    ip netns add "$1"
    iw phy "$2" set netns name "$1"
    ip netns exec "$1" wpa_supplicant -B -i "wlan${2#phy}" -D nl80211 -c "/tmp/$1.conf" -f "/tmp/$1.log" || exit 1
}
joined() { wpa_cli -p "/run/$1" status | grep -q "^wpa_state=COMPLETED"; }
gone() { ! joined "$1"; }
# rejoin NAME KEYS: the same tablet with other words.
leave() { wpa_cli -p "/run/$1" terminate >/dev/null; await 20 test ! -S "/run/$1/wlan$2"; ip netns exec "$1" iw phy "phy$2" set netns 1; ip netns del "$1"; await 20 ip link show "wlan$2"; }

key=$(preau wifi key show --room CM2 --data /tmp/data) || fail "no key"
join old phy2 tilleul 5180 "key_mgmt=WPA-PSK
psk=\"$key\""
await 40 joined old || { cat /tmp/old.log; fail "WPA2 does not join"; }
wpa_cli -p /run/old status | grep -E "^(pairwise_cipher|group_cipher)="
join new phy3 tilleul 5180 "key_mgmt=SAE
ieee80211w=2
sae_password=\"$key\""
await 40 joined new || { cat /tmp/new.log; fail "WPA3 does not join"; }
await 20 bash -c "preau wifi status $PREAU | grep -q '2 devices'" || fail "the box does not see them"
echo "tablets join by WPA2 and by WPA3"
timeout 4 tcpdump -Z root --immediate-mode -c 10 -i hwsim0 -w /tmp/air.pcap 'type mgt subtype beacon' 2>/dev/null
send /tmp/air.pcap

# --- off, at its end
end_lesson
ended=$(now)
await 20 gone old || fail "a tablet is still there"
await 20 silent tilleul || fail "it still sends"
echo "last beacon $(($(last tilleul) - ended)) ms after the end of the lesson"
(($(last tilleul) - ended < 2000)) || fail "too late"
await 20 is_heard_silent || fail "it does not say that no beacon is heard"
leave old 2
leave new 3

# --- a key for each tablet
begin_lesson CM1
# A class set on one radio: each with an interface and a hardware address of its own, which nobody registered.
class=()
for file in /etc/class/*.conf; do
    tablet=${file##*/} tablet=${tablet%.conf}
    iw phy phy4 interface add "$tablet" type managed addr 02:00:00:00:05:"${tablet#tab}" || fail "no interface"
    class+=(${class:+-N} -D nl80211 -i "$tablet" -c "$file")
done
started=$(now)
wpa_supplicant -B -f /tmp/class.log "${class[@]}" || exit 1
for number in 2 3; do
    key=$(preau wifi key show --room CM1 --device tab-0$number --data /tmp/data) || fail "no key"
    join tab$number phy$number hetre 5200 "key_mgmt=WPA-PSK
psk=\"$key\""
    await 40 joined tab$number || { cat /tmp/tab$number.log; fail "tab-0$number does not join"; }
done
echo "tablets join with keys of their own"
join prof phy5 hetre 5200 "key_mgmt=WPA-PSK
psk=\"$(preau wifi key show --room CM1 --device prof-01 --data /tmp/data)\""
await 40 joined prof || { cat /tmp/prof.log; fail "the teacher's tablet does not join"; }
devices() { state borne-cm1 | grep -q "$1 devices"; }
await 120 devices 30 || { tail -n 40 /tmp/class.log; fail "30 tablets with 30 keys do not join"; }
echo "30 tablets with 30 keys: the last $(($(now) - started)) ms after the first began"

# --- those who teach, on a bridge apart
ip -n prof address add 10.77.8.101/24 dev wlan5
ip -n prof route add default via 10.77.8.1
ip -n tab3 address add 10.77.0.103/24 dev wlan3
ip netns exec tab3 nslookup gambling.preau.test 10.77.0.1 | grep -q 10.77.0.1 || fail "the tablet asks in vain"
# recorded DEVICE: what it looked for in vain is on the disk, half a second later.
recorded() { preau journal search --data /tmp/data --reason maintenance --device "$1" | grep gambling.preau.test; }
await 20 recorded tab-03 || { preau journal search --data /tmp/data --reason maintenance; fail "it is not known by its key"; }
echo "filtered, and logged under the tablet whose key it is"
reaches() { ip netns exec "$1" ping -c 1 -W 2 "$2" >/dev/null 2>&1; }
await 20 reaches tab3 10.77.0.1 || fail "the tablet does not reach the box"
await 20 reaches prof 10.77.8.1 || { ip link; fail "the teacher's tablet does not reach the box"; }
reaches prof 10.77.0.103 && fail "from one bridge to the other"
# Also with an address of the pupils: it is another wire.
ip -n prof address add 10.77.0.222/24 dev wlan5
reaches prof 10.77.0.103 && fail "an address leads to the other bridge"
reaches tab3 10.77.0.222 && fail "from the other bridge"
ip -n prof address del 10.77.0.222/24 dev wlan5
ip netns exec prof nslookup gambling.preau.test 10.77.8.1 >/dev/null
await 20 recorded prof-01 || { preau journal search --data /tmp/data --reason maintenance; fail "the teacher's tablet is not known by its key"; }
echo "two bridges under one name, apart"
# One that joined at the second try was disconnected once.
disconnected() { grep -c CTRL-EVENT-DISCONNECTED /tmp/class.log; }
before=$(disconnected)
preau wifi key renew --room CM1 --device tab-02 --data /tmp/data
await 20 gone tab2 || fail "a key that was taken back still opens"
await 20 grep -q WRONG_KEY /tmp/tab2.log || fail "it still opens"
joined tab3 || fail "the other tablet was thrown out as well"
await 20 devices 29 || fail "not all others are there"
(($(disconnected) == before)) || fail "others were thrown out as well"
is_told() { state borne-cm1 | grep -q "1 devices with a wrong key"; }
await 20 is_told || fail "nobody is told of the tablet with an old key"
echo "one key is taken back, and the 29 other tablets stay"

# --- the box is killed
await 20 heard hetre || fail "it does not send"
kill -9 $box
killed=$(now)
await 20 silent hetre || fail "it sends without a box"
echo "last beacon $(($(last hetre) - killed)) ms after the box was killed"
(($(last hetre) - killed < 2000)) || fail "too late"
pidof hostapd && fail "hostapd is still there"
echo "silent once the box is killed"
end_lesson
run_box
await 60 preau wifi status $PREAU || fail "the box does not run"
sleep 2
silent tilleul && silent hetre || fail "it sends at the next start"
begin_lesson CM2
await 20 heard tilleul || fail "it does not send"
kill $box
wait $box
stopped=$(now)
await 20 silent tilleul || fail "it sends after the stop of the box"
(($(last tilleul) - stopped < 200)) || fail "too late"
pidof tcpdump >/dev/null || fail "nobody has listened"
pidof hostapd && fail "hostapd is still there"
echo "silent once the box is stopped"

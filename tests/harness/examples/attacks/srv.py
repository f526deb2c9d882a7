import socket,threading,sys
def tcp(port,fam):
    s=socket.socket(fam,socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)
    if fam==socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)
    s.bind(('::' if fam==socket.AF_INET6 else '0.0.0.0',port)); s.listen(4096)
    while True:
        c,a=s.accept(); threading.Thread(target=echo,args=(c,),daemon=True).start()
def echo(c):
    try:
        while True:
            d=c.recv(65536)
            if not d: break
            c.sendall(d)
    except OSError: pass
    c.close()
def udp(addr):
    fam=socket.AF_INET6 if ':' in addr[0] else socket.AF_INET
    s=socket.socket(fam,socket.SOCK_DGRAM); s.bind(addr)
    while True:
        try:
            d,a=s.recvfrom(65536); print('udp',addr,a,d[:40],flush=True); s.sendto(d,a)
        except OSError as e: pass
for p in (9993,9994,9996):
    for f in (socket.AF_INET,socket.AF_INET6): threading.Thread(target=tcp,args=(p,f),daemon=True).start()
for a in ('198.51.100.11','2001:db8:1::b','198.51.100.10','198.51.100.12'):
    for p in (6005,7777): threading.Thread(target=udp,args=((a,p),),daemon=True).start()
threading.Event().wait()

# from PC2 (pupil, no service): tries every 50 ms a TCP port no service has, direct, plus IPv6
import socket,time
t0=time.time(); ok=[]
while time.time()-t0<16:
    for dst in (('198.51.100.12',443),('198.51.100.10',9996),('2001:db8:1::a',9996)):
        fam=socket.AF_INET6 if ':' in dst[0] else socket.AF_INET
        s=socket.socket(fam,socket.SOCK_STREAM); s.settimeout(0.3)
        try:
            s.connect(dst); s.send(b'secret'); d=s.recv(10) if dst[1]==9996 else b'conn'; ok.append((round(time.time()-t0,2),dst,d))
        except OSError as e: pass
        s.close()
    time.sleep(0.05)
byd={}
for t,d,x in ok: byd.setdefault(d,[]).append(t)
for d,l in byd.items(): print(d,len(l),'first',l[0],'last',l[-1])

# PC1: keeps a mail flow talking, a page by the gate and a DNS question each half second; tells what fails
import socket,time,sys,subprocess
t0=time.time(); T=float(sys.argv[1]); s=None; bad=0; n=0; res=[]
while time.time()-t0<T:
    t=round(time.time()-t0,1); st=[]
    try:
        if s is None: s=socket.create_connection(('198.51.100.10',9993),1.5)
        s.settimeout(1.5); s.send(b'x'); s.recv(10); st.append('+')
    except OSError as e: st.append('mail:'+type(e).__name__[:9]); s and s.close(); s=None
    try:
        c=socket.create_connection(('198.51.100.11',80),1.5); c.settimeout(1.5); c.send(b'GET / HTTP/1.0\r\nHost: encyclopedie.example\r\n\r\n'); d=c.recv(100); c.close(); st.append('+' if b'200' in d else 'web?')
    except OSError as e: st.append('web:'+type(e).__name__[:9])
    try:
        u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.settimeout(1.5); u.sendto(b'\x12\x34\1\0\0\1\0\0\0\0\0\0\x0cencyclopedie\7example\0\0\1\0\1',('10.77.0.1',53)); u.recv(500); st.append('+')
    except OSError as e: st.append('dns:'+type(e).__name__[:9])
    if st!=['+']*3: res.append((t,st)); bad+=1
    n+=1; time.sleep(0.5)
print(n,'rounds',bad,'bad'); [print(*r) for r in res[:25]]

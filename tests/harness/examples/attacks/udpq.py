import socket,time
t0=time.time(); ok=[];bad=0
while time.time()-t0<9:
    u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.settimeout(.3); u.connect(('198.51.100.10',6005))
    try: u.send(b'after revocation'); u.recv(99); ok.append(round(time.time()-t0,1))
    except OSError: bad+=1
    u.close(); time.sleep(.1)
print('answered',len(ok),'refused',bad,'last',ok[-1:])
t=0
for i in range(5):
    try: s=socket.create_connection(('198.51.100.10',9993),.5); s.settimeout(.5); s.send(b'tcp after'); s.recv(9); t+=1; s.close()
    except OSError: pass
print('tcp dialogues',t)

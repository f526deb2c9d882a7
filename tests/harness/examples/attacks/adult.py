import socket
for i in range(4):
    try:
        s=socket.create_connection(('198.51.100.10',9993),2); s.settimeout(2); s.send(b'hello'); print('heard',s.recv(10)); s.close()
    except OSError as e: print(type(e).__name__,e)
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.settimeout(2); u.connect(('198.51.100.11',6005))
for i in range(4):
    try: u.send(b'conf%d'%i); print(u.recv(10))
    except OSError as e: print(type(e).__name__,e)

import socket,resource,time
resource.setrlimit(resource.RLIMIT_NOFILE,(20000,20000)); k=[]; t0=time.time(); bad=0
while len(k)<8400 and time.time()-t0<560:
    s=socket.socket(); s.settimeout(2)
    try: s.connect(('198.51.100.10',9995)); k.append(s)
    except OSError: s.close(); bad+=1
    if len(k)%500==0: print(round(time.time()-t0),len(k),bad,flush=True)
    time.sleep(1/22)
print('held',len(k),bad,flush=True); time.sleep(900)

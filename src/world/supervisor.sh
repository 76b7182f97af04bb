# Outlives steadfast by a moment: ends what it was told about once its standard input closes.
# Every line is one promise:
#   group PID       at the end, kill -9 the process group PID
#   quit PID        at the end, SIGQUIT the process PID, wait for it, then kill -9 its group
#   remove DIR      at the end, once the processes are gone, remove DIR
#   containers RUN  at the end, remove the containers that bear the label steadfast.run=RUN, and their volumes
#   forget PID      PID has been reaped and means nothing any more
#   removed DIR     DIR is already gone
#   contained RUN   the containers of RUN are already gone
#   end             do all of it now

trap '' HUP INT QUIT TERM PIPE TSTP TTIN TTOU
cd /
groups=' '
quits=' '
runs=' '

# The engine is asked by its own client, which knows where it listens; without it, on its usual socket.
containers_of() {
    if command -v docker >/dev/null 2>&1; then
        docker ps --all --quiet --no-trunc --filter "label=steadfast.run=$1"
    else
        curl -sf --max-time 10 --unix-socket /var/run/docker.sock --get http://docker/containers/json \
            --data-urlencode all=true --data-urlencode "filters={\"label\":[\"steadfast.run=$1\"]}" |
            tr ',{' '\n\n' | sed -n 's/^"Id":"\([0-9a-f]*\)"$/\1/p'
    fi 2>/dev/null
}

remove_container() {
    if command -v docker >/dev/null 2>&1; then
        docker rm --force --volumes "$1"
    else
        curl -sf --max-time 20 --unix-socket /var/run/docker.sock -X DELETE "http://docker/containers/$1?force=true&v=true"
    fi >/dev/null 2>&1
}

# A zombie counts as gone: whoever should reap it may be dead itself.
is_running() {
    kill -s 0 "$1" 2>/dev/null || return 1
    if [ -r "/proc/$1/stat" ]; then
        read -r _ _ state _ 2>/dev/null <"/proc/$1/stat"
    else
        state=$(ps -o state= -p "$1" 2>/dev/null || echo unknown)
    fi
    case $state in Z*) return 1 ;; esac
}

while read -r verb rest; do
    case $verb in
    group) groups="$groups$rest " ;;
    quit) quits="$quits$rest " ;;
    remove) set -- "$@" "$rest" ;;
    forget)
        case $groups in *" $rest "*) groups="${groups%%" $rest "*} ${groups#*" $rest "}" ;; esac
        case $quits in *" $rest "*) quits="${quits%%" $rest "*} ${quits#*" $rest "}" ;; esac
        ;;
    containers) runs="$runs$rest " ;;
    contained)
        case $runs in *" $rest "*) runs="${runs%%" $rest "*} ${runs#*" $rest "}" ;; esac
        ;;
    removed)
        for folder; do
            shift
            [ "$folder" = "$rest" ] || set -- "$@" "$folder"
        done
        ;;
    end) break ;;
    esac
done

for process in $quits; do kill -s QUIT "$process" 2>/dev/null; done
for process in $groups; do kill -s KILL -- "-$process" 2>/dev/null; done

# A stopped process cannot act on SIGQUIT. Postgres itself kills its slow children after five seconds.
for process in $quits; do
    kill -s CONT "$process" 2>/dev/null
    tries=0
    while is_running "$process" && [ "$tries" -lt 160 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -s KILL -- "-$process" 2>/dev/null
done

# The engine may just be making one for us: it is asked until it has twice named none.
for run in $runs; do
    tries=0
    none=0
    while [ "$none" -lt 2 ] && [ "$tries" -lt 20 ]; do
        found=$(containers_of "$run")
        for container in $found; do remove_container "$container"; done
        if [ -n "$found" ]; then none=0; else none=$((none + 1)); fi
        tries=$((tries + 1))
        sleep 0.2
    done
done

# A killed process may still be writing its last file while we remove the folder.
for folder; do
    tries=0
    while [ -e "$folder" ] && [ "$tries" -lt 40 ]; do
        rm -rf -- "$folder" 2>/dev/null || sleep 0.05
        tries=$((tries + 1))
    done
done

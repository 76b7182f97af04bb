# Outlives steadfast by a moment: ends what it was told about once its standard input closes.
# Every line is one promise:
#   group PID       at the end, kill -9 the process group PID
#   quit PID        at the end, SIGQUIT the process PID, wait for it, then kill -9 its group
#   remove DIR      at the end, once the processes are gone, remove DIR
#   forget PID      PID has been reaped and means nothing any more
#   removed DIR     DIR is already gone
#   end             do all of it now

trap '' HUP INT QUIT TERM PIPE TSTP TTIN TTOU
cd /
groups=' '
quits=' '

# A zombie counts as gone: whoever should reap it may be dead itself.
runs() {
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
    while runs "$process" && [ "$tries" -lt 160 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -s KILL -- "-$process" 2>/dev/null
done

# A killed process may still be writing its last file while we remove the folder.
for folder; do
    tries=0
    while [ -e "$folder" ] && [ "$tries" -lt 40 ]; do
        rm -rf -- "$folder" 2>/dev/null || sleep 0.05
        tries=$((tries + 1))
    done
done

# ruff: noqa: E501  tables stand as they would in their files
"""Small tables of recorders, point counts and eDNA, by hand, in every layout that is read."""

READS_WIDE = """site,sample,replicate,volume,Perca fluviatilis,Esox lucius,Homo sapiens
A,a1,1,500,1200,0,80
A,a1,2,500,900,3,0
A,a2,1,450,0,0,10
A,a2,2,450,0,2500,0
B,b1,1,300,0,0,0
B,b1,2,300,700,0,0
B,NTC,1,0,12,0,90
"""

READS_LONG = """site,sample,replicate,taxon,reads
A,a1,1,Perca fluviatilis,700
A,a1,1,Perca fluviatilis,500
A,a1,1,Homo sapiens,80
A,a1,2,Perca fluviatilis,900
A,a1,2,Esox lucius,3
A,a2,1,Homo sapiens,10
A,a2,2,Esox lucius,2500
B,b1,1,,0
B,b1,2,Perca fluviatilis,700
B,NTC,1,Perca fluviatilis,12
B,NTC,1,Homo sapiens,90
"""

READS_MATRIX = """taxon,L1,L2,L3,L4,L5,L6,L7
Perca fluviatilis,1200,900,0,0,0,700,12
Esox lucius,0,3,0,2500,0,0,0
Homo sapiens,80,0,10,0,0,0,90
"""

LIBRARIES = """library,site,sample,replicate,volume
L1,A,a1,1,500
L2,A,a1,2,500
L3,A,a2,1,450
L4,A,a2,2,450
L5,B,b1,1,300
L6,B,b1,2,300
L7,,NTC,1,
L8,C,c1,1,300
"""

PER_POINT = """siteID,plotID,pointID,decimalLatitude,decimalLongitude,elevation,nlcdClass,startDate,samplingImpractical,observedAirTemp,measuredBy
BART,P1,1,44.06,-71.31,300,forest,2015-06-14T09:23Z,OK,18,KK
BART,P1,2,44.06,-71.31,310,forest,2015-06-14T09:40Z,OK,19,KK
BART,P2,1,44.07,-71.32,400,shrub,2015-06-15T09:00Z,OK,17,LL
BART,P2,1,44.07,-71.32,400,shrub,2016-06-15T09:00Z,OK,,LL
BART,P1,1,44.06,-71.31,300,forest,2015-06-20T09:00Z,OK,15,LL
BART,P1,2,44.06,-71.31,310,forest,2015-06-20T09:30Z,location flooded,15,LL
"""

COUNT_DATA = """plotID,pointID,startDate,pointCountMinute,targetTaxaPresent,scientificName,taxonRank,observerDistance,detectionMethod,clusterSize
P1,1,2015-06-14T09:23Z,1,Y,Vireo olivaceus,species,9,singing,1
P1,1,2015-06-14T09:23Z,3,Y,Vireo olivaceus,species,140,singing,2
P1,1,2015-06-14T09:23Z,4,Y,Poecile atricapillus,species,30,calling,3
P1,2,2015-06-14T09:40Z,,N,,,,,
P2,1,2015-06-15T09:00Z,6,Y,Vireo olivaceus,species,80,flyover,1
P2,1,2015-06-15T09:00Z,2,Y,Aves sp.,class,20,visual,1
P2,1,2016-06-15T09:00Z,2,Y,Junco hyemalis hyemalis,subspecies,20,visual,1
"""

RECORDINGS = """file,site,start,duration_s,elev,moon
A_20210623_050000.wav,A,,600,100,0.1
A_20210623_060000.wav,A,,600,100,0.2
A_20210624_050000.wav,A,,600,100,0.3
B_20210623_050000.wav,B,,600,200,0.4
B_20210623_235500.wav,B,,600,200,0.5
"""

COMBINED = """Start (s),End (s),Scientific name,Common name,Confidence,File
3.0,6.0,Turdus merula,Eurasian Blackbird,0.91,rec/A_20210623_050000.wav
9.0,12.0,Turdus merula,Eurasian Blackbird,0.62,rec/A_20210623_050000.wav
12.0,15.0,Strix aluco,Tawny Owl,0.31,rec/A_20210623_050000.wav
0.0,3.0,Turdus merula,Eurasian Blackbird,0.22,rec/A_20210623_060000.wav
30.0,33.0,Strix aluco,Tawny Owl,0.77,rec/B_20210623_235500.wav
400.0,403.0,Strix aluco,Tawny Owl,0.97,rec/B_20210623_235500.wav
60.0,63.0,Human vocal,Human vocal,0.99,rec/B_20210623_050000.wav
0.0,3.0,Anas crecca,Green-winged Teal,0.12,rec/B_20210623_050000.wav
"""


def tables_of_recordings(form="csv"):
    """The rows of COMBINED as a table for each recording, as BirdNET writes them: {name: text}."""
    rows = [line.split(",") for line in COMBINED.splitlines()[1:]]
    files = [line.split(",")[0] for line in RECORDINGS.splitlines()[1:]]
    out = {}
    for file in files:
        mine = [r for r in rows if r[5].endswith(file)]
        stem = file.removesuffix(".wav")
        if form == "csv":
            head = "Start (s),End (s),Scientific name,Common name,Confidence"
            text = "\n".join([head, *(",".join(r[:5]) for r in mine)])
            out[f"{stem}.BirdNET.results.csv"] = text + "\n"
        elif form == "r":
            head = "filepath,start,end,scientific_name,common_name,confidence,lat,lon,week,overlap,sensitivity,min_conf,species_list,model"
            lines = [
                f"audio/{file},{r[0]},{r[1]},{r[2]},{r[3]},{r[4]},-1,-1,-1,0.0,1.0,0.1,None,m"
                for r in mine
            ]
            out[f"{stem}.BirdNET.results.r.csv"] = "\n".join([head, *lines]) + "\n"
        elif form == "raven":
            head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCommon Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)"
            lines = [
                f"{i}\tSpectrogram 1\t1\t{r[0]}\t{r[1]}\t0\t12000\t{r[3]}\tx\t{r[4]}\tC:\\rec\\{file}\t{r[0]}"
                for i, r in enumerate(mine)
            ]
            if not mine:
                lines = [
                    f"1\tSpectrogram 1\t1\t0\t3\t0\t12000\tnocall\tnocall\t1.0\tC:\\rec\\{file}\t0"
                ]
            out[f"{stem}.BirdNET.selection.table.txt"] = "\n".join([head, *lines]) + "\n"
        elif form == "kaleidoscope":
            head = "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week,overlap,sensitivity"
            lines = [
                f"/data,rec,{file},{r[0]},3.0,{r[2]},{r[3]},{r[4]},-1,-1,-1,0.0,1.0" for r in mine
            ]
            out[f"{stem}.BirdNET.results.kaleidoscope.csv"] = "\n".join([head, *lines]) + "\n"
    return out

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

"""Flight delays: will a flight be late, asked two hours before its scheduled departure?"""

#include "textflag.h"

// The compression function of RFC 9106, sections 3.5 and 3.6, with AVX2. A block is 8 rows of 16 words of 64 bits. The permutation P is
// BLAKE2b's round with GB for its G; it is applied to each row, and then to each of the 8 columns, which are 2 words wide.
//
// P sees its 16 words as a matrix of 4 by 4, whose rows are here a, b, c and d. Two P are made at once, one's work filling the other's
// waits. So each of a, b, c and d is two registers of 4 words: a0 and a1 are Y0 and Y1, then b Y2 and Y3, c Y4 and Y5, d Y6 and Y7.
// Y8 and Y9 are scratch, Y10 and Y11 hold the two rotations.

DATA rotate24<>+0(SB)/8, $0x0201000706050403
DATA rotate24<>+8(SB)/8, $0x0a09080f0e0d0c0b
DATA rotate24<>+16(SB)/8, $0x0201000706050403
DATA rotate24<>+24(SB)/8, $0x0a09080f0e0d0c0b
GLOBL rotate24<>(SB), RODATA|NOPTR, $32

DATA rotate16<>+0(SB)/8, $0x0100070605040302
DATA rotate16<>+8(SB)/8, $0x09080f0e0d0c0b0a
DATA rotate16<>+16(SB)/8, $0x0100070605040302
DATA rotate16<>+24(SB)/8, $0x09080f0e0d0c0b0a
GLOBL rotate16<>(SB), RODATA|NOPTR, $32

// x += y + 2·x·y, where the product is of the lower halves.
#define ADD(x0, x1, y0, y1) \
	VPMULUDQ y0, x0, Y8; \
	VPMULUDQ y1, x1, Y9; \
	VPADDQ   y0, x0, x0; \
	VPADDQ   y1, x1, x1; \
	VPADDQ   Y8, Y8, Y8; \
	VPADDQ   Y9, Y9, Y9; \
	VPADDQ   Y8, x0, x0; \
	VPADDQ   Y9, x1, x1

// x ^= y
#define XOR(x0, x1, y0, y1) \
	VPXOR y0, x0, x0; \
	VPXOR y1, x1, x1

// GB for each of the four columns of both matrices; the rotations are to the right, by 32, 24, 16 and 63 bits.
#define GB(a0, a1, b0, b1, c0, c1, d0, d1) \
	ADD(a0, a1, b0, b1); \
	XOR(d0, d1, a0, a1); \
	VPSHUFD $0xB1, d0, d0; \
	VPSHUFD $0xB1, d1, d1; \
	ADD(c0, c1, d0, d1); \
	XOR(b0, b1, c0, c1); \
	VPSHUFB Y10, b0, b0; \
	VPSHUFB Y10, b1, b1; \
	ADD(a0, a1, b0, b1); \
	XOR(d0, d1, a0, a1); \
	VPSHUFB Y11, d0, d0; \
	VPSHUFB Y11, d1, d1; \
	ADD(c0, c1, d0, d1); \
	XOR(b0, b1, c0, c1); \
	VPSRLQ  $63, b0, Y8; \
	VPSRLQ  $63, b1, Y9; \
	VPADDQ  b0, b0, b0; \
	VPADDQ  b1, b1, b1; \
	XOR(b0, b1, Y8, Y9)

// In the rows a register is one row of one matrix. Its words turn by one, two and three, so that diagonals become columns.
#define TURN_ROWS(x0, x1, y0, y1, z0, z1) \
	VPERMQ $0x39, x0, x0; \
	VPERMQ $0x39, x1, x1; \
	VPERMQ $0x4E, y0, y0; \
	VPERMQ $0x4E, y1, y1; \
	VPERMQ $0x93, z0, z0; \
	VPERMQ $0x93, z1, z1

// In the columns a register is half a row of both matrices, and one matrix's is its lower 128 bits. Words turn by one here; they turn by two
// where what follows swaps two registers' names, and by three where both is done.
#define TURN_COLUMNS(x0, x1) \
	VPALIGNR $8, x0, x1, Y8; \
	VPALIGNR $8, x1, x0, x1; \
	VMOVDQA  Y8, x0

// r = x ^ y; out = r ^ old: what the permuted r is to be added to.
#define LOAD(offset, r) \
	VMOVDQU offset(SI), r; \
	VPXOR   offset(DX), r, r; \
	VPXOR   offset(CX), r, Y8; \
	VMOVDQU Y8, offset(DI)

#define ADD_TO_OUT(offset, r) \
	VPXOR   offset(DI), r, r; \
	VMOVDQU r, offset(DI)

// func compress(out, x, y, old *block)
TEXT ·compress(SB), 0, $1024-32
	MOVQ out+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ old+24(FP), CX
	LEAQ rows-1024(SP), BX
	VMOVDQU rotate24<>(SB), Y10
	VMOVDQU rotate16<>(SB), Y11

	// Where y is, was mostly not known before: ask for all of it, and wait once.
	PREFETCHT0 0(DX)
	PREFETCHT0 64(DX)
	PREFETCHT0 128(DX)
	PREFETCHT0 192(DX)
	PREFETCHT0 256(DX)
	PREFETCHT0 320(DX)
	PREFETCHT0 384(DX)
	PREFETCHT0 448(DX)
	PREFETCHT0 512(DX)
	PREFETCHT0 576(DX)
	PREFETCHT0 640(DX)
	PREFETCHT0 704(DX)
	PREFETCHT0 768(DX)
	PREFETCHT0 832(DX)
	PREFETCHT0 896(DX)
	PREFETCHT0 960(DX)

	MOVQ $4, AX

twoRows:
	LOAD(0, Y0)
	LOAD(32, Y2)
	LOAD(64, Y4)
	LOAD(96, Y6)
	LOAD(128, Y1)
	LOAD(160, Y3)
	LOAD(192, Y5)
	LOAD(224, Y7)
	GB(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	TURN_ROWS(Y2, Y3, Y4, Y5, Y6, Y7)
	GB(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	TURN_ROWS(Y6, Y7, Y4, Y5, Y2, Y3)
	VMOVDQU Y0, 0(BX)
	VMOVDQU Y2, 32(BX)
	VMOVDQU Y4, 64(BX)
	VMOVDQU Y6, 96(BX)
	VMOVDQU Y1, 128(BX)
	VMOVDQU Y3, 160(BX)
	VMOVDQU Y5, 192(BX)
	VMOVDQU Y7, 224(BX)
	ADDQ $256, DI
	ADDQ $256, SI
	ADDQ $256, DX
	ADDQ $256, CX
	ADDQ $256, BX
	SUBQ $1, AX
	JNZ  twoRows

	SUBQ $1024, DI
	SUBQ $1024, BX
	MOVQ $4, AX

twoColumns:
	VMOVDQU 0(BX), Y0
	VMOVDQU 128(BX), Y1
	VMOVDQU 256(BX), Y2
	VMOVDQU 384(BX), Y3
	VMOVDQU 512(BX), Y4
	VMOVDQU 640(BX), Y5
	VMOVDQU 768(BX), Y6
	VMOVDQU 896(BX), Y7
	GB(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	TURN_COLUMNS(Y2, Y3)
	TURN_COLUMNS(Y6, Y7)
	GB(Y0, Y1, Y2, Y3, Y5, Y4, Y7, Y6)
	TURN_COLUMNS(Y2, Y3)
	TURN_COLUMNS(Y6, Y7)
	ADD_TO_OUT(0, Y0)
	ADD_TO_OUT(128, Y1)
	ADD_TO_OUT(256, Y3)
	ADD_TO_OUT(384, Y2)
	ADD_TO_OUT(512, Y4)
	ADD_TO_OUT(640, Y5)
	ADD_TO_OUT(768, Y7)
	ADD_TO_OUT(896, Y6)
	ADDQ $32, DI
	ADDQ $32, BX
	SUBQ $1, AX
	JNZ  twoColumns

	VZEROUPPER
	RET
